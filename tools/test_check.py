"Can each check of tools/check.py fail?  Plants each fault in a small repository and looks for it: tools/test_check.py"
import json, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import check
from check import nbdev

def notebook(path:Path, *sources:str, outputs=()):
    "Write a clean notebook: a source that starts with '#' and a space is markdown"
    def cell(i, s):
        c = dict(cell_type='markdown' if s.startswith('# ') else 'code', id=f'c{i}', metadata={}, source=s.splitlines(True))
        return c if c['cell_type'] == 'markdown' else {**c, 'execution_count': None, 'outputs': list(outputs)}
    nb = dict(cells=[cell(i, s) for i, s in enumerate(sources)], nbformat=4, nbformat_minor=5,
              metadata=dict(kernelspec=dict(display_name='python3', language='python', name='python3')))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb, indent=1) + '\n')

def small(repo:Path):
    "A repository in which every check holds: two floors, a package, a configuration"
    for o in 'settings.ini', 'setup.py', 'constraints.txt', '.gitignore': (repo/o).write_text((check.root/o).read_text())
    (repo/'quake/configs').mkdir(parents=True)
    (repo/'quake/__init__.py').write_text('__version__ = "0.1.0"\n')
    (repo/'quake/configs/a.yaml').write_text('a: 1\n')
    notebook(repo/'nbs/01_core.ipynb', '#| default_exp core', '# Core\n\n> Ground.', '#| export\ndef one(): return 1')
    notebook(repo/'nbs/10_data.wave.ipynb', '#| default_exp data.wave', '# Wave\n\n> A wave.', '#| export\nfrom quake.core import one', '#| export\ndef two(): return 2*one()')
    notebook(repo/'nbs/20_look.ipynb', '#| default_exp look', '# Look\n\n> A look.', '#| export\ndef see(): return 3')
    notebook(repo/'nbs/index.ipynb', '# quake\n\n> A test.', 'from quake.data.wave import two')
    subprocess.run(['git', 'init', '-q', '.'], cwd=repo, check=True)
    assert not nbdev('nbdev_export', repo) + nbdev('nbdev_clean', repo)
    (repo/'README.md').write_text(check.render(repo/'nbs/index.ipynb'))

def edit(name:str, old:str, new:str):
    "A fault: one text of a file replaced"
    def fault(repo):
        text = (repo/name).read_text()
        assert old in text, f'{old!r} is not in {name}'
        (repo/name).write_text(text.replace(old, new))
    return fault

def write(name:str, text:str):
    "A fault: a file too much, or overwritten"
    def fault(repo):
        (repo/name).parent.mkdir(parents=True, exist_ok=True)
        (repo/name).write_text(text)
    return fault

def room(name:str, *sources:str, page:str=None, text:str='', **kw):
    "A fault: a notebook too much, exported; and a text beside it"
    def fault(repo):
        if page: write(page, text)(repo)
        notebook(repo/'nbs'/f'{name}.ipynb', f"#| default_exp {name.split('_', 1)[1]}", '# Room\n\n> A room.', *sources, **kw)
        nbdev('nbdev_export', repo)
    return fault

def drop(name:str): return lambda repo: (repo/name).unlink()

unseen = dict(output_type='display_data', data={'text/plain': ['<Figure size 640x480 with 1 Axes>']}, metadata={})
picture = dict(output_type='display_data', data={'image/png': 'iVBORw0KGgo='}, metadata={})
error = dict(output_type='error', ename='E', evalue='e', traceback=[])
big = dict(output_type='stream', name='stdout', text=['x' * 1_000_000])
here = '/' + 'root/secret'
FAULTS = [ # (check, what is planted, fault, what must be said)
    ('export', 'a module edited by hand', edit('quake/core.py', 'return 1', 'return 7'), 'quake/core.py'),
    ('export', 'a notebook edited, not exported', edit('nbs/01_core.ipynb', 'return 1', 'return 7'), 'quake/core.py'),
    ('export', 'a module never exported', drop('quake/look.py'), 'quake/look.py'),
    ('export', 'a module without a notebook', write('quake/loose.py', 'a = 1\n'), 'no notebook exports it'),
    ('export', 'a module whose notebook is gone', drop('nbs/20_look.ipynb'), '20_look.ipynb is gone'),
    ('clean', 'an execution count', edit('nbs/01_core.ipynb', '"execution_count": null', '"execution_count": 3'), '01_core.ipynb holds'),
    ('clean', 'cell metadata', edit('nbs/01_core.ipynb', '"metadata": {},', '"metadata": {"scrolled": true},'), '01_core.ipynb holds'),
    ('clean', 'a stored error', room('30_x', 'a = 1', outputs=[error]), 'a stored error'),
    ('clean', 'a figure without its picture', room('30_x', 'a = 1', outputs=[unseen]), 'without its picture'),
    ('clean', 'a notebook of a megabyte', room('30_x', 'a = 1', outputs=[big]), '1 MB'),
    ('form', 'an import beside other code', room('30_x', 'import os\na = 1'), 'imports and other code'),
    ('form', 'prose in the cell of the title', edit('nbs/20_look.ipynb', '"> A look."', '"> A look.\\n",\n    "More."'), 'nbdev drops'),
    ('floors', 'an import from above', room('05_low', '#| export\nfrom quake.look import see'), 'no lower floor'),
    ('floors', 'an import from above in a test cell', room('05_low', '#| export\na = 1', 'import quake.look'), 'no lower floor'),
    ('floors', 'an import inside a function', room('05_low', '#| export\ndef f():\n    from quake import look\n    return look'), 'no lower floor'),
    ('floors', 'an import from the same floor', room('20_look2', '#| export\nfrom quake.look import see'), 'no lower floor'),
    ('floors', 'the package face', room('30_x', '#| export\nfrom quake.data import two'), 'package face'),
    ('floors', 'the face of the package at the top', room('30_x', '#| export\nfrom quake import one'), 'package face'),
    ('floors', 'a face that leads upstairs, in a test cell', room('05_low', 'from quake.data import two'), 'no lower floor'),
    ('wheel', 'a module that leans on another', room('30_x', '#| export\nimport quake\nquake.look.see()'), 'import quake.x'),
    ('wheel', 'a module that needs the repository', room('30_x', "#| export\nopen('settings.ini')"), 'import quake.x'),
    ('wheel', 'configurations left out', edit('setup.py', 'configs/*.yaml', 'none/*.yaml'), 'quake/configs/a.yaml is not'),
    ('wheel', 'subpackages left out', edit('setup.py', 'find_packages()', "['quake']"), 'quake/data/wave.py is not'),
    ('pyflakes', 'an unused import', room('30_x', '#| export\nimport os'), 'imported but unused'),
    ('pyflakes', 'a name that is not there', room('30_x', '#| export\ndef f(): return nowhere'), 'undefined name'),
    ('readme', 'an index edited, not rendered', edit('nbs/index.ipynb', 'A test.', 'Another.'), 'is not what'),
    ('readme', 'a stored figure, which README.md cannot hold', lambda repo: notebook(repo/'nbs/index.ipynb', '# quake', 'a = 1', outputs=[picture]), 'nbs/images/'),
    ('readme', 'no README', drop('README.md'), 'README.md is missing'),
    ('commands', 'a command that is none', write('docs/a.md', 'Type `quake tran-hvit`.'), 'no such command'),
    ('commands', 'an option that is none, in a block', write('docs/a.md', '```bash\nquake train-hvit \\\n  --epoch 3\n```\n'), 'No such option: --epoch'),
    ('commands', 'an argument left out', write('README.md', '`quake evaluate --data a.pkl`'), 'Missing argument'),
    ('commands', 'a setting that is none, in an override', write('docs/a.md', '`quake train-hvit --override "optim.lrr: 1e-4"`'), "did you mean 'optim.lr'"),
    ('commands', 'a setting that is none, in a table', write('docs/a.md', '| `optim.lrr` | 1 |'), "did you mean 'optim.lr'"),
    ('commands', 'a value that does not fit', write('docs/a.md', 'Set `model.depth: twelve`.'), 'does not fit'),
    ('commands', 'a preset that is none', write('docs/a.md', '`quake train-hvit --config hvitt`'), 'a preset'),
    ('commands', 'a module run by a name that is none', write('docs/a.md', '`python -m quake.pipelines.train_vit`'), 'no such command'),
    ('commands', 'a command in a notebook', lambda repo: notebook(repo/'nbs/30_x.ipynb', '# X\n\n`quake evaluate RUN --fast`', 'a = 1'), 'No such option: --fast'),
    ('commands', 'a target of make that is none', write('docs/a.md', 'Then `make dcos`.'), 'no such target'),
    ('commands', 'not yet, although it is there', write('docs/a.md', 'There is no quake evaluate yet.'), 'is there by now'),
    ('messages', 'an error that nobody raises, in a table', write('docs/troubleshooting.md', '| quake says | do |\n|---|---|\n| `a.pkl: the moon is in the way of 3 records` | wait |\n'), 'the moon is in the way'),
    ('messages', 'an error that was worded anew', room('30_x', "#| export\ndef f(n): raise ValueError(f'the moon stands before {n} records')", page='docs/troubleshooting.md', text='```text\nerror: the moon is before 3 records\n```\n'), 'the moon is before 3'),
    ('machine', 'a path in a notebook', room('30_x', f"open('{here}')"), 'x.ipynb'),
    ('machine', 'a path in a text', write('NOTES.md', f'see {here}'), 'NOTES.md'),
    ('pins', 'a requirement without a version', edit('settings.ini', 'requirements = torch', 'requirements = leftpad torch'), 'leftpad'),
]

def said(name:str, repo:Path) -> str: return '\n'.join(map(str, getattr(check, name)(repo)))

def sound() -> list[str]:
    "Checks that fail where nothing is wrong"
    with tempfile.TemporaryDirectory() as tmp:
        small(Path(tmp))
        return [f'{o.__name__} fails on a sound repository: {s}' for o in check.CHECKS if (s := said(o.__name__, Path(tmp)))]

def seen(name:str, what:str, fault, words:str) -> list[str]:
    "Plant one fault in a small repository; nothing when the check finds it"
    with tempfile.TemporaryDirectory() as tmp:
        small(Path(tmp)); fault(Path(tmp))
        s = said(name, Path(tmp))
    return [] if words in s else [f'{name} does not see {what}; it says: {s or "nothing"}']

if __name__ == '__main__':
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(check.cores()) as pool: missed = [o for res in pool.map(lambda f: seen(*f), FAULTS) for o in res]
    missed = sound() + missed
    unproved = {o.__name__ for o in check.CHECKS} - {f[0] for f in FAULTS}
    for o in [*missed, *(f'{o} was never made to fail' for o in unproved)]: print(f'- {o}')
    print(f'{len(FAULTS) - len(missed)} of {len(FAULTS)} planted faults found by {len(check.CHECKS)} checks', flush=True)
    sys.exit(bool(missed or unproved))
