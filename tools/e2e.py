"""The site, the explorer and TensorBoard in a real browser: tools/e2e.py [site] [tensorboard] [explorer] [--shots DIR]

Everything is served on 127.0.0.1 and ends with the test. The browser is Chromium: $CHROMIUM, or the one on the PATH.
Each group runs in a process of its own with a time limit; a test that cannot run has failed."""
import argparse, http.server, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, traceback, urllib.request
from contextlib import contextmanager
from functools import partial
from pathlib import Path

root = Path(__file__).resolve().parent.parent
site = root/'_docs'
FLAGS = ('--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync')
patience = 20_000 # ms for anything that should appear
limit = 150       # seconds for one group

# The browser

def chromium() -> str|None:
    "The browser to use"
    names = os.environ.get('CHROMIUM'), 'chromium', 'chromium-browser', 'google-chrome'
    return next((found for o in names if o and (found := shutil.which(o))), None)

@contextmanager
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium(), args=FLAGS)
        try: yield b
        finally: b.close()

class Tab:
    "A page of the browser that remembers what went wrong on it"
    def __init__(self, browser, base:str, shots:Path, quiet:str='$^', **how):
        self.base, self.shots, self.wrong = base, shots, []
        self.page = browser.new_page(viewport=dict(width=1300, height=900), **how)
        self.page.set_default_timeout(patience)
        def note(what):
            if not re.search(quiet, what): self.wrong.append(what)
        self.page.on('console', lambda m: note(f'console: {m.text}') if m.type == 'error' else None)
        self.page.on('pageerror', lambda e: note(f'error: {e}'))
        self.page.on('requestfailed', lambda r: None if r.failure == 'net::ERR_ABORTED' else note(f'failed: {r.url} {r.failure}'))
        self.page.on('response', lambda r: note(f'{r.status}: {r.url}') if r.status >= 400 else None)
        self.page.on('request', lambda r: None if r.url.startswith((base, 'data:', 'blob:', base.replace('http', 'ws'))) else note(f'elsewhere: {r.url}'))

    def go(self, path:str=''): self.page.goto(self.base + path)
    def shot(self, name:str): self.page.screenshot(path=self.shots/f'{name}.png')
    def js(self, code:str): return self.page.evaluate(code)
    def sound(self): assert not self.wrong, '; '.join(dict.fromkeys(self.wrong))

    def blank_images(self) -> list[str]:
        "Images that did not load; each is brought into view first"
        return self.js("""async () => { const out = [];
            for (const i of document.images) { i.loading = 'eager'; try { await i.decode() } catch (e) {} if (!i.naturalWidth && i.offsetParent !== null) out.push(i.src.slice(0, 120)) }
            return out }""")

# Servers, on free ports of 127.0.0.1

def free_port() -> int:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

@contextmanager
def serve_folder(folder:Path):
    "A folder over HTTP; its address"
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *a): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f'http://127.0.0.1:{server.server_port}/'
    finally: server.shutdown()

@contextmanager
def serve_program(words:list, url:str, log:Path, secs:float=60, **kw):
    "A program that serves `url`; ended afterwards"
    with log.open('w') as out: p = subprocess.Popen([str(o) for o in words], stdout=out, stderr=out, stdin=subprocess.DEVNULL, **kw)
    try:
        wait_for(lambda: answers(url), secs, lambda: p.poll() is not None, f'{words[0]} does not answer: {log.read_text()[-800:]}')
        yield url
    finally:
        p.terminate()
        try: p.wait(10)
        except subprocess.TimeoutExpired: p.kill(); p.wait()

def answers(url:str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as r: return r.status < 400
    except OSError: return False

def wait_for(true, secs:float, lost=lambda: False, why:str='it did not come'):
    "Wait until something is true"
    end = time.time() + secs
    while not true():
        assert time.time() < end and not lost(), why if isinstance(why, str) else why()
        time.sleep(.2)

def program(name:str) -> Path: return Path(sys.executable).with_name(name)

# Tests: a group is a context that yields what its tests take

GROUPS, TESTS = {}, {}

def group(f):
    "A function that sets the stage, and ends it"
    GROUPS[f.__name__], TESTS[f.__name__] = contextmanager(f), []
    return f

def test(group:str):
    def add(f):
        TESTS[group].append(f)
        return f
    return add

# The docs site

@group
def site_(shots:Path):
    with tempfile.TemporaryDirectory() as tmp, browser() as b:
        (Path(tmp)/'quake').symlink_to(site) # not at the top of the server, as it is published
        with serve_folder(Path(tmp)) as url: yield lambda **how: Tab(b, url + 'quake/', shots, **how)

@test('site_')
def the_landing_page_opens_wide_and_narrow(tab):
    t = tab(color_scheme='light')
    t.go()
    assert t.page.locator('h1').first.inner_text().strip().startswith('quake'), 'the title is not quake'
    assert t.page.locator('.sidebar-tree a:visible').count() > 20, 'the sidebar is not filled'
    assert not (lost := t.blank_images()), f'images that did not load: {lost}'
    t.shot('landing')
    t.page.set_viewport_size(dict(width=390, height=800))
    wide = t.js('document.documentElement.scrollWidth')
    t.shot('landing_narrow')
    assert wide <= 391, f'{wide} px wide on a screen of 390'
    t.sound()

@test('site_')
def a_notebook_page_has_figures_entries_and_math(tab):
    t = tab(color_scheme='light')
    t.go('models.hybrid_vit.html')
    assert t.page.locator('div.cell_output img').count() >= 3, 'its figures are missing'
    assert not (lost := t.blank_images()), f'images that did not load: {lost}'
    entry = t.page.locator('h2:has(code), h3:has(code)').filter(has_text='HybridViT').first
    entry.scroll_into_view_if_needed()
    t.shot('model_entry')
    assert '/quake/models/hybrid_vit.py#L' in t.page.locator('a.source').first.get_attribute('href'), 'an entry does not link to its source'
    t.js('scrollTo(0, 0)')
    t.shot('model')
    t.go('data.synthetic.html')
    t.page.locator('mjx-container').first.wait_for(state='attached')
    t.sound()

@test('site_')
def search_finds_a_word_and_its_result_opens(tab):
    t = tab(color_scheme='light')
    t.go()
    t.page.locator('input.sidebar-search').fill('spectrogram')
    t.page.keyboard.press('Enter')
    first = t.page.locator('ul.search li a').first
    first.wait_for()
    t.page.wait_for_timeout(500)
    t.shot('search')
    name = first.inner_text()
    first.click()
    t.page.locator('h1').first.wait_for()
    assert 'search.html' not in t.page.url and 'spectrogram' in t.page.locator('article').inner_text().lower(), f'{name} opens {t.page.url}'
    t.sound()

@test('site_')
def dark_mode_toggles_and_stays(tab):
    t = tab(color_scheme='light')
    t.go('models.hybrid_vit.html')
    ground = lambda: t.js("getComputedStyle(document.body).backgroundColor")
    light = ground()
    for _ in range(3):
        if t.js('document.body.dataset.theme') == 'dark': break
        t.page.locator('button.theme-toggle:visible').first.click()
    dark = ground()
    assert dark != light, f'the ground stays {light}'
    t.shot('model_dark')
    t.go('')
    t.page.wait_for_timeout(300)
    t.shot('landing_dark')
    assert ground() == dark, 'the next page is light again'
    t.sound()

@test('site_')
def every_page_opens_whole(tab):
    t, lost = tab(color_scheme='light'), []
    for o in sorted(site.rglob('*.html')):
        name = o.relative_to(site).as_posix()
        t.go(name)
        lost += [f'{name}: {i}' for i in t.blank_images()]
        if t.wrong: lost, t.wrong = lost + [f'{name}: {w}' for w in t.wrong], []
        if name in ('coming_from.html', 'troubleshooting.html', 'monitoring.html', 'configuration.html'): t.shot(o.stem)
    assert not lost, '; '.join(lost)

# TensorBoard, over a run of its own

@group
def tensorboard(shots:Path):
    with tempfile.TemporaryDirectory() as tmp, browser() as b:
        tmp, port = Path(tmp), free_port()
        small = 'data.synthetic_records: 90, data.val_ratio: 0.2, model.depth: 1, model.pretrained: no'
        env = dict(os.environ, OMP_NUM_THREADS='2')
        res = subprocess.run([program('quake'), 'train-hvit', '--epochs', '3', '--no-progress', '--override', small], cwd=tmp, env=env, text=True, capture_output=True, timeout=100)
        assert res.returncode == 0, f'the run failed: {(res.stdout + res.stderr)[-800:]}'
        run, url = next((tmp/'runs/hvit').iterdir()), f'http://127.0.0.1:{port}/'
        words = [program('tensorboard'), '--logdir', 'runs', '--host', '127.0.0.1', '--port', port] # as the page Monitoring says
        with serve_program(words, url, tmp/'tensorboard.log', cwd=tmp):
            ready = lambda: get(url + 'data/plugin/scalars/tags')
            wait_for(ready, 30, why='TensorBoard finds no run')
            yield lambda **how: (Tab(b, url, shots, **how), run)

def get(url:str):
    with urllib.request.urlopen(url, timeout=10) as r: return json.load(r)

@test('tensorboard')
def tensorboard_shows_the_scalars(tab):
    t, run = tab()
    t.go('#scalars')
    for tag in 'train/loss', 'val/loss', 'val/balanced_accuracy':
        shown(t, tag.split('/')[1], tag)
    t.page.wait_for_timeout(1000)
    t.shot('tensorboard_scalars')
    t.sound()

def shown(t:Tab, name:str, tag:str):
    "Is there a card with this tag?"
    t.page.locator(f'text={tag}').first.wait_for(state='attached')

@test('tensorboard')
def tensorboard_shows_the_figures(tab):
    t, run = tab()
    t.go('#images')
    t.page.locator('img[src*="individualImage"], img[src*="/images/"], tf-image-loader img').first.wait_for()
    t.page.wait_for_timeout(1000)
    t.shot('tensorboard_images')
    names = {o.stem for o in (run/'figures').glob('*.png')}
    tags = get(t.base + 'data/plugin/images/tags')
    there = {o.removeprefix('figures/') for tagged in tags.values() for o in tagged}
    assert names and names == there, f'figures {names} but images {there}'
    t.sound()

@test('tensorboard')
def the_page_monitoring_names_every_tag(tab):
    t, run = tab()
    known = set(re.findall(r'^\| `([^`]+)` \|', (root/'docs/monitoring.md').read_text(), re.M))
    logged = {o for kind in ('scalars', 'images') for tags in get(t.base + f'data/plugin/{kind}/tags').values() for o in tags}
    logged = {re.sub('spectrogram_.*', 'spectrogram_…', o) for o in logged}
    assert logged - known == set(), f'not on the page: {logged - known}'
    assert known - logged <= {'figures/mistakes'}, f'on the page, but not logged: {known - logged}'

# Running them

def run_group(name:str, shots:Path):
    "One group, in this process"
    try:
        with GROUPS[name](shots) as stage:
            for f in TESTS[name]: run_test(name, f, stage)
    except Exception as e:
        if isinstance(e, GeneratorExit): raise
        tell('failed', 0, name, 'cannot begin, or end', e)

def run_test(name:str, f, stage):
    start = time.time()
    try: f(stage)
    except Exception as e: return tell('failed', time.time() - start, name, f.__name__, e)
    tell('passed', time.time() - start, name, f.__name__)

def tell(state:str, secs:float, name:str, what:str, e:Exception=None):
    "A line on one test, and why it failed"
    print(f'{state:8}{secs:5.1f} s  {name.strip("_")}: {what.replace("_", " ")}', flush=True)
    if e is None: return
    if isinstance(e, AssertionError): print(f'    {e}', flush=True)
    else: print('    ' + ''.join(traceback.format_exception(e)).strip()[-2500:].replace('\n', '\n    '), flush=True)

def apart(name:str, shots:Path) -> tuple[int, int]:
    "One group in a process of its own, ended when it takes too long; how many passed and failed"
    p = subprocess.Popen([sys.executable, __file__, '--here', name, '--shots', str(shots)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    late = threading.Timer(limit, lambda: os.killpg(p.pid, signal.SIGTERM))
    late.start()
    passed, failed = 0, 0
    for line in p.stdout:
        print(line, end='', flush=True)
        passed, failed = passed + line.startswith('passed '), failed + line.startswith('failed ')
    late.cancel()
    broken = p.wait() != 0 or passed + failed < len(TESTS[name]) and not failed
    if broken: print(f'failed         {name.strip("_")}: ended after {passed + failed} of {len(TESTS[name])} tests' + f', not done within {limit} s'*(p.returncode == -signal.SIGTERM), flush=True)
    return passed, failed + broken

def fresh_site() -> bool:
    "Build the site when it is missing or older than what it is made of"
    sources = [o for folder in ('nbs', 'docs', 'quake') for o in (root/folder).rglob('*') if o.is_file() and '__pycache__' not in o.parts and '.ipynb_checkpoints' not in o.parts]
    made = site/'index.html'
    if made.exists() and made.stat().st_mtime > max(o.stat().st_mtime for o in sources): return True
    print('building the site first', flush=True)
    return subprocess.call([sys.executable, root/'tools/docs.py']) == 0 or made.exists()

def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('groups', nargs='*', help=f"of {', '.join(o.strip('_') for o in GROUPS)}; all when none is named")
    parser.add_argument('--shots', type=Path, help='folder for screenshots; a temporary one when not given')
    parser.add_argument('--here', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here: return run_group(args.here, args.shots) or 0
    if unknown := {*args.groups} - {o.strip('_') for o in GROUPS}: return print(f"No such group: {', '.join(unknown)}. There are: {', '.join(o.strip('_') for o in GROUPS)}") or 1
    if not chromium(): return print('No browser: `apt-get install chromium`, or name one with CHROMIUM=/path/to/chromium\n0 passed, 1 failed') or 1
    start, chosen = time.time(), [o for o in GROUPS if not args.groups or o.strip('_') in args.groups]
    shots = (args.shots or Path(tempfile.mkdtemp(prefix='quake-e2e-'))).resolve()
    shots.mkdir(parents=True, exist_ok=True)
    if 'site_' in chosen and not fresh_site(): return print('The site could not be built.\n0 passed, 1 failed') or 1
    counts = [apart(o, shots) for o in chosen]
    passed, failed = map(sum, zip(*counts))
    print(f'screenshots in {shots}; {time.time() - start:.0f} s\n{passed} passed, {failed} failed', flush=True)
    return int(failed > 0 or passed == 0)

if __name__ == '__main__': sys.exit(main())
