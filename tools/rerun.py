"Run notebooks anew, keep their outputs, clean them: tools/rerun.py FOLDER_OR_NOTEBOOK…"
import sys, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.clean import nbdev_clean

def notebooks(path:Path) -> list[Path]:
    "The notebook itself, or those in the folder"
    return [path] if path.suffix == '.ipynb' else sorted(path.glob('*.ipynb'))

def rerun(path:Path) -> bool:
    "Run one in its own folder; a notebook that fails is left as it was"
    nb, start = nbformat.read(path, as_version=4), time.time()
    try: NotebookClient(nb, timeout=None, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}}).execute()
    except CellExecutionError as e: return print(f'{path}: failed\n{e}') or False
    nbformat.write(nb, path)
    nbdev_clean(str(path))
    print(f'{path}: {time.time() - start:.0f} s, {path.stat().st_size/1e3:.0f} kB')
    return True

if __name__ == '__main__':
    nbs = [nb for o in sys.argv[1:] for nb in notebooks(Path(o))]
    if not nbs: sys.exit(f"No notebook in {' '.join(sys.argv[1:])}")
    sys.exit(not all([rerun(o) for o in nbs]))
