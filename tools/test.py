"Run nbdev_test on every notebook, each in a process of its own, and count: tools/test.py [NOTEBOOK…]"
import os, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
limit = 600 # seconds for one notebook

def notebooks() -> list[Path]:
    "Every notebook that nbdev would look at"
    found = (root/'nbs').rglob('*.ipynb')
    return sorted(p for p in found if not any(o[0] in '._' for o in p.relative_to(root/'nbs').parts))

def cores() -> int:
    "Cores that this process may use"
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1

def test(nb:Path) -> tuple[str, float, str]:
    "'passed', 'failed' or 'skipped' (nbdev did not run it), seconds, and what was printed"
    cmd = [Path(sys.executable).with_name('nbdev_test'), '--path', nb, '--do_print']
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
    start = time.time()
    try: res = subprocess.run(cmd, cwd=root, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit)
    except subprocess.TimeoutExpired: return 'failed', limit, f'no end after {limit} s'
    said = res.stdout + res.stderr
    ran = '- Completed' in res.stdout and 'Success.' in res.stdout
    state = 'failed' if res.returncode else 'passed' if ran else 'skipped'
    return state, time.time() - start, said

def report(nb:Path, state:str, secs:float, said:str) -> str:
    "Print how one notebook went; all it said if it failed"
    print(f'{state:8}{secs:6.1f} s  {nb.relative_to(root)}', flush=True)
    if state == 'failed': print(said.strip(), flush=True)
    return state

def main(names:list[str]) -> int:
    nbs = [Path(o).resolve() for o in names] or notebooks()
    lost = [o for o in nbs if not o.is_file()]
    if lost: return print(f'No such notebook: {lost[0]}') or 1
    with ThreadPoolExecutor(cores()) as pool:
        states = [report(nb, *res) for nb, res in zip(nbs, pool.map(test, nbs))]
    passed, failed, skipped = map(states.count, ('passed', 'failed', 'skipped'))
    print(f'{passed + failed} notebooks tested, {skipped} not run (skip_exec)')
    if not passed + failed: print('No notebook was tested: that is a failure.')
    print(f'{passed} passed, {failed} failed', flush=True)
    return int(failed > 0 or passed == 0)

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
