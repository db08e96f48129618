"""The site, the explorer and TensorBoard in a real browser: tools/e2e.py [site] [tensorboard] [explorer] [--shots DIR]

Everything is served on 127.0.0.1 and ends with the test. The browser is Chromium: $CHROMIUM, or the one on the PATH.
Each group runs in a process of its own with a time limit; a test that cannot run has failed."""
import argparse, http.server, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time, traceback, urllib.request
from concurrent.futures import ThreadPoolExecutor
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
    names = [os.environ['CHROMIUM']] if os.environ.get('CHROMIUM') else ['chromium', 'chromium-browser', 'google-chrome']
    return next((found for o in names if (found := shutil.which(o))), None)

@contextmanager
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium(), args=FLAGS)
        try: yield b
        finally: b.close()

class Tab:
    "A page of the browser that remembers what went wrong on it"
    last = None
    def __init__(self, browser, base:str, shots:Path, quiet:str='$^', **how):
        self.base, self.shots, self.wrong, Tab.last = base, shots, [], self
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
    server.handle_error = lambda *a: None # a browser that goes on before all has come
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f'http://127.0.0.1:{server.server_port}/'
    finally: server.shutdown()

@contextmanager
def serve_program(words:list, url:str, log:Path, secs:float=60, **kw):
    "A program that serves `url`; ended afterwards"
    with log.open('w') as out: p = subprocess.Popen([str(o) for o in words], stdout=out, stderr=out, stdin=subprocess.DEVNULL, **kw)
    try:
        wait_for(lambda: answers(url), secs, lambda: p.poll() is not None, lambda: f'{words[0]} does not answer: {log.read_text()[-800:]}')
        yield url
    finally:
        p.terminate()
        try: p.wait(10)
        except subprocess.TimeoutExpired: p.kill(); p.wait()

def answers(url:str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as r: return r.status < 400
    except OSError: return False

def wait_for(true, secs:float, lost=lambda: False, why='it did not come'):
    "Wait until something is true, and say why if it does not come to be"
    end = time.time() + secs
    while not (found := true()):
        assert time.time() < end and not lost(), why if isinstance(why, str) else why()
        time.sleep(.1)
    return found

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
    assert t.page.locator('div.cell_output img').count() >= 2, 'its figures are missing'
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
            wait_for(lambda: any(get(url + 'data/plugin/images/tags').values()), 30, why='TensorBoard finds no run')
            yield lambda **how: (Tab(b, url, shots, **how), run)

def get(url:str):
    with urllib.request.urlopen(url, timeout=10) as r: return json.load(r)

@test('tensorboard')
def its_scalars_are_shown(tab):
    t, run = tab()
    t.go('#timeseries')
    t.page.get_by_role('button', name='Scalars').or_(t.page.get_by_text('Scalars', exact=True)).first.click()
    t.page.locator('input[placeholder^="Filter tags"]').fill('loss|balanced')
    for tag in 'train/loss', 'val/loss', 'val/balanced_accuracy':
        card = t.page.locator('card-view').filter(has_text=tag.replace('/', '')).or_(t.page.locator('card-view').filter(has_text=tag)).first
        card.locator('line-chart, canvas, svg').first.wait_for()
        wait_for(lambda: re.search(r'\d\.\d', card.inner_text()), 10, why=f'the card of {tag} shows no number')
    t.page.keyboard.press('Escape') # the list of suggestions
    t.page.wait_for_timeout(500)
    t.shot('tensorboard_scalars')
    t.sound()

@test('tensorboard')
def its_figures_are_shown(tab):
    t, run = tab()
    t.go('#timeseries')
    t.page.locator('input[placeholder^="Filter tags"]').fill('figures')
    t.page.locator('card-view img').first.wait_for()
    wait_for(lambda: t.page.locator('card-view img').count() >= 4 and not t.blank_images(), 15, why=lambda: f'not drawn: {t.blank_images()}')
    t.page.keyboard.press('Escape') # the list of suggestions
    t.page.wait_for_timeout(500)
    t.shot('tensorboard_images')
    names = {o.stem for o in (run/'figures').glob('*.png')}
    there = {o.removeprefix('figures/') for tags in get(t.base + 'data/plugin/images/tags').values() for o in tags}
    assert names and names == there, f'figures {names} but images {there}'
    t.sound()

@test('tensorboard')
def the_page_monitoring_names_every_tag(tab):
    t, run = tab()
    page = (root/'docs/monitoring.md').read_text()
    parts = [page.partition(f'\n{start}\n')[2].partition(end)[0] for start, end in (('### Of a classifier', '\n###'), ('## Figures', 'Of an autoencoder:'))]
    assert all(parts), 'the page has other headings than this test reads'
    known = set(re.findall(r'^\| `([^`]+)` \|', '\n'.join(parts), re.M))
    logged = {o for kind in ('scalars', 'images') for tags in get(t.base + f'data/plugin/{kind}/tags').values() for o in tags}
    logged = {re.sub('spectrogram_.*', 'spectrogram_…', o) for o in logged}
    assert logged - known == set(), f'not on the page: {logged - known}'
    assert known - logged <= {'figures/mistakes'}, f'on the page, but not logged: {known - logged}'

# The explorer in JupyterLab

@group
def explorer(shots:Path):
    with tempfile.TemporaryDirectory() as tmp, browser() as b:
        tmp, port = Path(tmp), free_port()
        copy_explorer(tmp/'explorer.ipynb')
        url = f'http://127.0.0.1:{port}/'
        words = [program('jupyter'), 'lab', '--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', '--IdentityProvider.token=', f'--ServerApp.root_dir={tmp}', '--LabApp.extension_manager=readonly']
        with serve_program(words, url + 'api', tmp/'jupyter.log', cwd=tmp, env=jupyter_settings(tmp)):
            t = Tab(b, url, shots)
            t.page.set_viewport_size(dict(width=1440, height=1000))
            yield lambda: (t, tmp)

def copy_explorer(to:Path):
    "The explorer's notebook without its outputs; at the end an explorer that writes where the test can see it"
    nb = json.loads(next((root/'nbs').glob('*_visualization.explorer.ipynb')).read_text())
    for c in nb['cells']:
        if c['cell_type'] == 'code': c['outputs'] = []
        if 'nbdev_export()' in ''.join(c['source']): c['source'] = "mine = explore(w, classifier=StandIn(), annotations='labels.csv')\nmine"
    to.write_text(json.dumps(nb))

def jupyter_settings(tmp:Path) -> dict:
    "An environment in which Jupyter asks nothing, draws all cells, and keeps its things below `tmp`"
    places = {f'JUPYTER{k}_DIR': str(tmp/f'.{k}') for k in ('_CONFIG', '_DATA', '_RUNTIME', 'LAB_SETTINGS', 'LAB_WORKSPACES')}
    for plugin, chosen in {'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False), 'notebook-extension/tracker': dict(windowingMode='none')}.items():
        file = tmp/'.LAB_SETTINGS/@jupyterlab'/f'{plugin}.jupyterlab-settings'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen))
    return dict(os.environ, OMP_NUM_THREADS='2', **places)

@test('explorer')
def jupyterlab_runs_the_notebook_to_its_end(stage):
    t, tmp = stage()
    t.go('lab/tree/explorer.ipynb')
    t.page.locator('#jp-bottom-panel').get_by_text('| Idle').first.wait_for(timeout=60_000) # before that, cells that are run get lost
    t.page.locator('.lm-MenuBar-itemLabel:text-is("Run")').click()
    t.page.locator('.lm-Menu-itemLabel:text-is("Run All Cells")').click()
    last = t.page.locator('.jp-CodeCell').last
    wait_for(lambda: re.search(r'\d', last.locator('.jp-InputPrompt').inner_text()) or failing(t), 90, why='its cells did not come to an end')
    assert not failing(t), f'a cell stops: {failing(t)}'
    last.locator('.quake-explorer img.widget-image').wait_for()
    last.scroll_into_view_if_needed()
    t.page.wait_for_timeout(300)
    t.shot('explorer')

def failing(t:Tab) -> str: return ' '.join(t.page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]:has-text("Traceback"), .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]').all_inner_texts())[-600:]

def live(t:Tab): return t.page.locator('.quake-explorer').last
def picture(t:Tab) -> str: return live(t).locator('img.widget-image').first.evaluate("async i => { const b = new Uint8Array(await (await fetch(i.src)).arrayBuffer()); return b.length + ' ' + b.reduce((a, o) => (31*a + o) >>> 0, 7) }")

def changed(t:Tab, act) -> float:
    "Do something; seconds until the picture is another"
    before, start = picture(t), time.time()
    act()
    wait_for(lambda: picture(t) != before, 15, why='the picture stays as it was')
    return time.time() - start

@test('explorer')
def a_slider_moves_and_the_figure_changes(stage):
    t, tmp = stage()
    live(t).locator('.widget-slider .noUi-handle').first.focus()
    waits = [changed(t, lambda: t.page.keyboard.press('ArrowRight')) for _ in range(3)]
    number = live(t).locator('input[type=number]').first.input_value()
    assert number == '4', f'after three steps from 1 it shows record {number}'
    t.page.wait_for_timeout(300)
    t.shot('explorer_moved')
    print(f'    {1000*min(waits):.0f} to {1000*max(waits):.0f} ms from key to picture')

def control(t:Tab, label:str, kind:str): return live(t).locator(f'.widget-label:text-is("{label}")').locator('xpath=..').locator(kind)

@test('explorer')
def the_stft_window_changes_the_figure(stage):
    t, tmp = stage()
    changed(t, lambda: control(t, 'Overlap', '.noUi-handle').press('ArrowRight'))
    changed(t, lambda: control(t, 'Filter', 'select').press('ArrowDown'))
    t.page.wait_for_timeout(300)
    t.shot('explorer_filtered')

@test('explorer')
def a_relabel_is_saved_and_the_source_is_not_touched(stage):
    t, tmp = stage()
    labels = live(t).locator('.widget-vbox', has=t.page.locator('.quake-heading:text-is("Label")')).last
    choice = labels.locator('select').first
    now = choice.evaluate('o => o.selectedOptions[0].textContent').strip()
    other = 'noise' if now != 'noise' else 'earthquake'
    choice.select_option(label=other)
    wait_for((tmp/'labels.csv').exists, 10, why='no file was written')
    text = wait_for(lambda: (o := (tmp/'labels.csv').read_text()).count('\n') == 2 and o, 5, why='the file does not hold one line')
    assert f',3,{now},{other},' in text, f'{now} → {other} of record 3 is not what the file says: {text}'
    t.page.wait_for_timeout(300)
    t.shot('explorer_relabelled')

@test('explorer')
def nothing_went_wrong_in_the_browser(stage):
    stage()[0].sound()

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
    except Exception as e:
        if Tab.last: Tab.last.shot(f'failed_{f.__name__}')
        return tell('failed', time.time() - start, name, f.__name__, e)
    tell('passed', time.time() - start, name, f.__name__)

def tell(state:str, secs:float, name:str, what:str, e:Exception=None):
    "A line on one test, and why it failed"
    print(f'{state:8}{secs:5.1f} s  {name.strip("_")}: {what.replace("_", " ")}', flush=True)
    if e is None: return
    line = next((o.lineno for o in reversed(traceback.extract_tb(e.__traceback__)) if o.filename == __file__), 0)
    print('    ' + f'line {line}: {type(e).__name__}: {e}'.strip()[:1500].replace('\n', '\n    '), flush=True)

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
    with ThreadPoolExecutor(2) as pool: counts = list(pool.map(partial(apart, shots=shots), sorted(chosen))) # the explorer, the longest, first
    passed, failed = map(sum, zip(*counts))
    print(f'screenshots in {shots}; {time.time() - start:.0f} s\n{passed} passed, {failed} failed', flush=True)
    return int(failed > 0 or passed == 0)

if __name__ == '__main__': sys.exit(main())
