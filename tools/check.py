"""Is the repository in order?  tools/check.py [NAME…]  (all checks without a name)

One line for each check. What does not hold is listed with the command that mends it, and the exit status is 1.
A check takes the root of a repository and gives the list of what is wrong; none of them writes there."""
import ast, configparser, filecmp, json, os, re, shlex, shutil, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from zipfile import ZipFile

sys.path.insert(0, str(Path(__file__).parent))
from readme import directives, render
from test import cores

root = Path(__file__).resolve().parent.parent
LIB = 'quake'

# What several checks need

def run(*cmd, cwd:Path, **env) -> subprocess.CompletedProcess:
    "Run a command quietly; its words are in `.stdout`"
    return subprocess.run([str(o) for o in cmd], cwd=cwd, env={**os.environ, **env}, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

def files(repo:Path, under:str='') -> list[Path]:
    "What git tracks or would track, relative to the repository"
    res = run('git', 'ls-files', '-co', '--exclude-standard', '-z', '--', under or '.', cwd=repo)
    if res.returncode: sys.exit(f'{repo}: {res.stdout.strip()}')
    return sorted({Path(o) for o in res.stdout.split('\0') if o and (repo/o).is_file()})

@contextmanager
def fresh(repo:Path):
    "A copy of those files, gone afterwards"
    with tempfile.TemporaryDirectory() as tmp:
        for f in files(repo):
            (Path(tmp)/f).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repo/f, Path(tmp)/f)
        yield Path(tmp)

def tree(path:Path) -> set[Path]: return {o.relative_to(path) for o in path.rglob('*') if o.is_file() and '__pycache__' not in o.parts}

def differing(a:Path, b:Path) -> list[Path]:
    "Files that are not the same, or not there, in both folders"
    one, two = tree(a), tree(b)
    return sorted((one ^ two) | {o for o in one & two if not filecmp.cmp(a/o, b/o, shallow=False)})

def notebooks(repo:Path) -> list[Path]: return [o for o in files(repo, 'nbs') if o.suffix == '.ipynb']

def cells(nb:Path) -> list[dict]:
    "Its cells, with the source in one piece"
    found = json.loads(nb.read_text(encoding='utf-8'))['cells']
    for c in found: c['source'] = ''.join(c['source'])
    return found

def nbdev(cmd:str, repo:Path) -> list[str]:
    "Run an nbdev command in `repo`; its complaint if it stops"
    res = run(Path(sys.executable).with_name(cmd), cwd=repo, IN_TEST='')
    return [f'{cmd} stops: {res.stdout.strip()[-500:]}'] if res.returncode else []

# The checks

def export(repo:Path) -> list[str]:
    "quake/ is what the notebooks export"
    with fresh(repo) as tmp:
        wrong = nbdev('nbdev_export', tmp)
        tracked = {o.relative_to(LIB) for o in files(repo, LIB)}
        wrong += [f'{LIB}/{o} is not what the notebooks export' for o in differing(repo/LIB, tmp/LIB) if o in tracked or (tmp/LIB/o).exists()]
    return wrong + [f'{o}: {why}' for o in files(repo, LIB) if (why := orphan(repo, o))]

def orphan(repo:Path, f:Path) -> str|None:
    "Why a module has no notebook, if it has none"
    if f.suffix != '.py' or f.name in ('__init__.py', '__main__.py', '_modidx.py'): return
    m = re.search(r'File to edit: (\S+)\.$', (repo/f).read_text(encoding='utf-8'), re.M)
    if not m: return 'no notebook exports it'
    if not (repo/f.parent/m[1]).exists(): return f'its notebook {Path(m[1]).name} is gone'

def clean(repo:Path) -> list[str]:
    "notebooks are clean, small, without stored errors, with their pictures"
    with fresh(repo) as tmp:
        wrong = nbdev('nbdev_clean', tmp)
        wrong += [f'{o} holds what nbdev_clean takes out' for o in notebooks(repo) if not filecmp.cmp(repo/o, tmp/o, shallow=False)]
    return wrong + [f'{o}: {why}' for o in notebooks(repo) for why in unfit(repo/o)]

def unfit(nb:Path) -> list[str]:
    "Too large, an error among the outputs, or a figure of which only the name is there"
    outs = [o for c in cells(nb) for o in c.get('outputs', [])]
    nameless = [o for o in outs if re.match(r'<Figure size .* Axes>', ''.join(o.get('data', {}).get('text/plain', ''))) and 'image/png' not in o['data']]
    return [why for why, wrong in {'1 MB or more': nb.stat().st_size >= 1e6, 'a stored error output': any(o['output_type'] == 'error' for o in outs),
                                   "a figure without its picture (import matplotlib.pyplot, or %matplotlib inline)": nameless}.items() if wrong]

def form(repo:Path) -> list[str]:
    "imports stand in cells of their own, and nothing but a line under each title (nbdev would run or drop it)"
    return [f'{o}: {why}' for o in notebooks(repo) for c in cells(repo/o) if (why := mixed(c) or crowded(c))]

def mixed(c:dict) -> str|None:
    "A cell that the docs would run because it imports, although it does more"
    found, source = directives(c['source'])
    if c['cell_type'] != 'code' or 'nbdev_export()' in source or found.keys() & {'export', 'exports', 'exporti'} or found.get('eval') == 'false': return
    kinds = {type(n) for n in ast.walk(ast.parse(plain(source)))}
    if kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.Expr, ast.Assign}: return f'imports and other code in one cell: {source[:60]!r}…'

def crowded(c:dict) -> str|None:
    "A title's cell with more than its line and options"
    if c['cell_type'] != 'markdown' or not re.match(r'# \S', c['source']): return
    lines = [o for o in c['source'].split('\n')[1:] if o.strip() and not re.match(r'- \S+: ', o)]
    rest = lines[1:] if lines and lines[0].startswith('> ') else lines
    if rest: return f'nbdev drops what stands in the cell of the title: {rest[0][:60]!r}'

def plain(source:str) -> str:
    "Python without the lines that only IPython reads"
    return '\n'.join('pass' if re.match(r'\s*[%!]', o) else o for o in source.split('\n'))

def floors(repo:Path) -> list[str]:
    "a notebook imports only what lower-numbered notebooks export"
    known = {m: nb for nb in notebooks(repo) if (m := exported(repo/nb))}
    return [w for nb in known.values() for c in cells(repo/nb) if c['cell_type'] == 'code' for w in climbs(repo, nb, c['source'], known)]

def exported(nb:Path) -> str|None:
    "The module that a notebook exports"
    m = re.search(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(c['source'] for c in cells(nb) if c['cell_type'] == 'code'), re.M)
    return f'{LIB}.{m[1]}' if m else None

def floor(nb:Path) -> tuple[int, str]:
    m = re.match(r'(\d+)([a-z]?)_', nb.name)
    return (int(m[1]), m[2]) if m else (100, '')

def climbs(repo:Path, nb:Path, source:str, known:dict) -> list[str]:
    "What one cell imports from its own floor or above, or by the package face"
    found, _ = directives(source)
    inside, own = bool(found.keys() & {'export', 'exports', 'exporti'}), exported(repo/nb)
    wrong = []
    for name in imported(source):
        mod = next((o for o in prefixes(name) if o in known), None)
        if mod is None and inside and face(repo, name): wrong.append(f'{nb}: {name} is taken from the package face; import the module that defines it')
        mod = mod or definer(repo, name, known)
        if mod and mod != own and floor(known[mod]) >= floor(nb): wrong.append(f'{nb} imports {mod} of {known[mod].name}, which is no lower floor')
    return wrong

def imported(source:str) -> list[str]:
    "Dotted names of this library that a cell imports: quake.core.Thing for `from quake.core import Thing`"
    nodes = list(ast.walk(ast.parse(plain(source))))
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    names += [f'{n.module}.{a.name}' for n in nodes if isinstance(n, ast.ImportFrom) and not n.level for a in n.names]
    return [o for o in names if o.split('.')[0] == LIB]

def prefixes(name:str) -> list[str]:
    "quake.a.b, quake.a, quake: the longest first"
    parts = name.split('.')
    return ['.'.join(parts[:i]) for i in range(len(parts), 0, -1)]

def face(repo:Path, name:str) -> bool:
    "Is a name taken from a package rather than from the module that defines it?"
    pack = name.rpartition('.')[0]
    return name.split('.')[-1] != '__version__' and bool(pack) and not (repo/name.replace('.', '/')).is_dir() and (repo/pack.replace('.', '/')).is_dir()

def definer(repo:Path, name:str, known:dict) -> str|None:
    "The module behind a name that a package face hands on"
    pack, _, last = name.rpartition('.')
    homes = [m for m in known if m.startswith(f'{pack}.') and (f := repo/f"{m.replace('.', '/')}.py").exists()
             and re.search(rf'^(?:(?:async )?def|class) {re.escape(last)}\b|^{re.escape(last)} *=', f.read_text(encoding='utf-8'), re.M)]
    return homes[0] if pack and homes else None

def wheel(repo:Path) -> list[str]:
    "the wheel holds every file of quake/, and every module imports alone from elsewhere"
    with fresh(repo) as tmp:
        pip = sys.executable, '-m', 'pip', '--disable-pip-version-check'
        res = run(*pip, 'wheel', '.', '--no-deps', '--no-build-isolation', '--no-index', '-w', 'dist', cwd=tmp)
        if res.returncode: return [f'pip wheel: {res.stdout[-1000:]}']
        whl = next((tmp/'dist').glob('*.whl'))
        res = run(*pip, 'install', whl, '--no-deps', '--no-index', '--no-compile', '--target', tmp/'site', cwd=tmp)
        if res.returncode: return [f'pip install: {res.stdout[-1000:]}']
        names = set(ZipFile(whl).namelist())
        wrong = [f'{o} is not in the wheel' for o in files(repo, LIB) if o.as_posix() not in names]
        mods = sorted(o[:-3].replace('/', '.').removesuffix('.__init__') for o in names if o.endswith('.py') and not o.endswith('__main__.py'))
        (tmp/'elsewhere').mkdir()
        with ThreadPoolExecutor(cores()) as pool: said = list(pool.map(lambda m: alone(m, tmp), mods))
    return wrong + [o for o in said if o]

def alone(mod:str, tmp:Path) -> str:
    "What goes wrong when one module is imported in a fresh Python from another folder"
    code = f'import {mod} as m, pathlib; assert pathlib.Path(m.__file__).is_relative_to({str(tmp)!r}), m.__file__'
    res = run(sys.executable, '-c', code, cwd=tmp/'elsewhere', PYTHONPATH=str(tmp/'site'), OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1')
    return f'import {mod}: {res.stdout.strip()[-600:]}' if res.returncode else ''

def pyflakes(repo:Path) -> list[str]:
    "pyflakes has nothing to say about quake/"
    mods = [o for o in files(repo, LIB) if o.suffix == '.py' and o.name != '_modidx.py']
    return run(sys.executable, '-m', 'pyflakes', *mods, cwd=repo).stdout.splitlines()

def readme(repo:Path) -> list[str]:
    "README.md is rendered from nbs/index.ipynb"
    nb, md = repo/'nbs/index.ipynb', repo/'README.md'
    lost = [f'{o.relative_to(repo)} is missing' for o in (nb, md) if not o.exists()]
    if lost: return lost
    try: text = render(nb)
    except ValueError as e: return [str(e)]
    return [] if md.read_text(encoding='utf-8') == text else ['README.md is not what nbs/index.ipynb gives']

def commands(repo:Path) -> list[str]:
    "every command, option and setting that a text prints is there, and what is told as not yet there is not"
    return [f'{name}: {why}' for name, text in prose(repo).items() for why in dict.fromkeys(stale(text, repo, name.endswith('.md')))]

def prose(repo:Path) -> dict[str, str]:
    "What people read: the texts, and the markdown of the notebooks"
    md = {str(o): (repo/o).read_text(encoding='utf-8') for o in files(repo) if o.suffix == '.md' and o.parts[0] in ('docs', 'resources', o.name)}
    return md | {str(o): '\n\n'.join(c['source'] for c in cells(repo/o) if c['cell_type'] == 'markdown') for o in notebooks(repo)}

def stale(text:str, repo:Path, page:bool) -> list[str]:
    "What is wrong with the commands and settings of one text"
    blocks, spans, rest = code(text)
    lines = [o for b in blocks for o in re.sub(r'\\\n\s*', ' ', b).splitlines()]
    wrong = [why for o in [*lines, *spans] for words in simple(o) if (why := bad_command(words, repo))]
    wrong += [why for o in spans if (why := bad_setting(o, page))]
    return wrong + [f'`quake {o}` is there by now: print it as code' for o in set(re.findall(r'\bquake ([a-z]+(?:-[a-z]+)*)', rest)) & set(program().commands)] * page

def code(text:str) -> tuple[list[str], list[str], str]:
    "Blocks and spans of code in markdown, and the text without them"
    fence = re.compile(r'^( *)(```+|~~~+)[^\n]*\n(.*?)^\1\2 *$', re.M | re.S)
    blocks, text = [m[3] for m in fence.finditer(text)], fence.sub('', text)
    span = re.compile(r'(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)', re.S)
    return blocks, [' '.join(m[2].split()) for m in span.finditer(text)], span.sub('', text)

def simple(line:str) -> list[list[str]]:
    "The words of each command in a line of a shell"
    line = re.sub(r'^\s*(?:\$ |!|%)\s*', '', line)
    if not re.match(r'(?:\S*/)?(?:quake|make|python3?)\s', line): return []
    line = re.sub(r'''("[^"]*"|'[^']*')|[\[\]…]''', lambda m: m[1] or '', line) # brackets that say: this may be left out
    lexer = shlex.shlex(line, posix=True, punctuation_chars=';&|')
    lexer.whitespace_split = True
    try: words = list(lexer)
    except ValueError: return [[line]]
    ends = [-1, *(i for i, o in enumerate(words) if set(o) <= set(';&|')), len(words)]
    return [words[a+1:b] for a, b in zip(ends, ends[1:]) if b > a + 1]

def bad_command(words:list[str], repo:Path) -> str|None:
    "Why a command would stop before it began"
    words = [words[0].rsplit('/')[-1], *words[1:]]
    if words[0] == 'make': return next((f'make {o}: no such target' for o in words[1:] if re.fullmatch(r'[a-z][\w-]*', o) and o not in targets(repo)), None)
    if words[:2] in (['python', '-m'], ['python3', '-m']) and words[2].startswith(f'{LIB}.'): words = [LIB, words[2].split('.')[-1].replace('_', '-'), *words[3:]]
    if words[0] != LIB or len(words) < 2: return
    said = usage(words[1:])
    return f"`{' '.join(words)}`: {said}" if said else None

@cache
def targets(repo:Path) -> set[str]:
    "What make can make"
    mk = (repo if (repo/'Makefile').exists() else root)/'Makefile'
    return {o for line in re.findall(r'^([a-z][\w -]*):(?!=)', mk.read_text(), re.M) for o in line.split()}

@cache
def program():
    "The command line of this quake, with all its commands"
    if str(root) not in sys.path: sys.path.insert(0, str(root))
    from typer.main import get_command
    from quake.cli import add_pipelines, app
    add_pipelines()
    return get_command(app)

def usage(words:list[str]) -> str|None:
    "What the command line would say against some words; nothing is run"
    from quake.console import spread_values
    if set(words) & {'-h', '--help', '--version'}: words = [o for o in words[:1] if not o.startswith('-')]
    if not words: return
    name, command = words[0], program().commands.get(words[0].replace('_', '-'))
    if command is None: return f'no such command; there are {", ".join(program().commands)}'
    if len(words) == 1: return # it is spoken of, not typed
    try: given = command.make_context(name, spread_values(words[1:]), parent=program().make_context(LIB, ['settings'])).params
    except Exception as e: return e.format_message()
    return settled(given.get('config'), given.get('override'))

def settled(config:str|None, override:str|None) -> str|None:
    "Why some settings fit no learner; a file is not looked for, a preset is"
    from quake.config import load_config
    return misfit(lambda schema: load_config(schema, config if re.fullmatch('[a-z_]+', config or '') else None, override))

def misfit(use) -> str|None:
    "What every schema says against settings: nothing as soon as one takes them"
    from quake.core import QuakeError
    said = []
    for schema in schemas():
        try: use(schema)
        except QuakeError as e: said.append(str(e))
        else: return
    return next((o for o in said if 'unknown setting' not in o), said[0]) # of a value that does not fit, what the learner that has the setting says

@cache
def schemas() -> list:
    "The configurations of all learners"
    from dataclasses import fields, is_dataclass
    program()
    from quake import config
    return [o for o in vars(config).values() if isinstance(o, type) and is_dataclass(o) and any(is_dataclass(f.type) for f in fields(o))]

def bad_setting(span:str, page:bool) -> str|None:
    "Why a setting is none, such as `optim.lrr: 1`; on a page also without its value"
    if span.endswith(('.safetensors', '.yaml', '.ckpt')): return # a file
    m = re.fullmatch(r"""(?:--override ['"]?)?(([a-z_]+)(?:\.[a-z_]+)+)(: .*?)?['"]?""", span)
    sections = {k for o in schemas() for k, f in o.__dataclass_fields__.items() if hasattr(f.type, '__dataclass_fields__')}
    if not m or m[2] not in sections or (root/LIB/f"{m[1].replace('.', '/')}.py").exists() or not (m[3] or page): return
    if m[3]: return settled(None, m[1] + m[3])
    from quake.config import check_keys, nest
    return misfit(lambda schema: check_keys(nest({m[1]: None}), schema, span))

def messages(repo:Path) -> list[str]:
    "what docs/troubleshooting.md quotes of quake is what quake says"
    page = repo/'docs/troubleshooting.md'
    known = [p for o in files(repo, LIB) if o.suffix == '.py' for p in sayings((repo/o).read_text(encoding='utf-8'))] if page.exists() else []
    return [f'nothing in {LIB}/ says {o!r}' for o in quotes(page.read_text(encoding='utf-8')) if not any(p.search(o) for p in known)] if page.exists() else []

def quotes(text:str) -> list[str]:
    "Lines of error: and warning: in blocks, and the first column of tables headed `quake says`"
    blocks = [o.split(': ', 1)[1] for b in code(text)[0] for o in b.splitlines() if re.match('(error|warning): ', o)]
    tables = re.findall(r'^\| quake says \|.*\n\|[-|]+\n((?:\|.*\n)+)', text, re.M)
    return [' '.join(o.split()) for o in blocks + [m for t in tables for m in re.findall(r'^\| `([^`]+)` \|', t, re.M)]]

def sayings(py:str) -> list[re.Pattern]:
    "Each text of a module that is long enough to be told from others, anything standing for what is filled in"
    nodes = [o for o in ast.walk(ast.parse(py)) if isinstance(o, ast.JoinedStr) or (isinstance(o, ast.Constant) and isinstance(o.value, str))]
    parts = [[p.value if isinstance(p, ast.Constant) else None for p in getattr(o, 'values', [o])] for o in nodes]
    return [re.compile('.*?'.join(re.escape(' '.join(p.split())).join([r'\s*']*2) for p in o if p)) for o in parts if len(''.join(filter(None, o))) > 15]

def machine(repo:Path) -> list[str]:
    "no path of one machine and no private package index in any file"
    homes = ['/'+o+'/' for o in ('work', 'root', 'farm')] + ['/Users'+'/', '/home'+'/', str(root)+'/', str(Path.home())+'/']
    bad = re.compile('|'.join(rf'(?<![\w.}}-]){re.escape(o)}' for o in sorted({*homes}) if len(o) > 2) + ''.join(f'|{re.escape(o)}' for o in indexes()))
    texts = {o: (repo/o).read_text(encoding='utf-8', errors='ignore').replace('\\n', '\n') for o in files(repo)}
    return [f'{o}: {m[0]}…' for o, text in texts.items() if (m := bad.search(text))]

def indexes() -> set[str]:
    "Hosts and folders that pip on this machine takes packages from, the public ones apart"
    said = run(sys.executable, '-m', 'pip', 'config', 'list', cwd=root).stdout + os.environ.get('PIP_INDEX_URL', '')
    public = 'pypi.org', 'pythonhosted.org', 'pytorch.org'
    return {o for o in re.findall(r"(?:https?|file)://(?:[^/@\s']*@)?([^\s':]+?)(?:/simple)?/?(?=[\s':]|$)", said) if not any(p in o for p in public)}

def pins(repo:Path) -> list[str]:
    "constraints.txt pins every requirement of settings.ini"
    cfg = configparser.ConfigParser(delimiters=['='])
    cfg.read(repo/'settings.ini', encoding='utf-8')
    plain = lambda o: re.match(r'[\w.-]+', o)[0].lower().replace('_', '-')
    needed = {plain(o) for k, v in cfg['DEFAULT'].items() if k.endswith('requirements') for o in v.split()}
    pinned = {plain(o) for o in (repo/'constraints.txt').read_text().splitlines() if '==' in o}
    return [f'{o} has no tested version in constraints.txt' for o in sorted(needed - pinned)]

CHECKS = { # check: what mends it
    export: 'make export', clean: 'make clean-nbs', form: 'split the cell', floors: 'import from a lower floor, or renumber', wheel: 'mend setup.py or the import',
    pyflakes: 'mend the notebook, then make export', readme: 'make readme', commands: 'print what can be typed', messages: 'quote what is said now', machine: 'take it out', pins: 'add the version that was tested'}

def report(check, repo:Path) -> bool:
    "Run one check and print how it went"
    start = time.time()
    wrong = check(repo)
    print(f"{'FAILS' if wrong else 'holds'}  {check.__name__:9}{check.__doc__} ({time.time() - start:.1f} s)", flush=True)
    for o in wrong: print(f'       - {o}')
    if wrong: print(f'       mend: {CHECKS[check]}', flush=True)
    return not wrong

def main(names:list[str], repo:Path=root) -> int:
    unknown = set(names) - {o.__name__ for o in CHECKS}
    if unknown: return print(f"No such check: {', '.join(unknown)}. There are: {', '.join(o.__name__ for o in CHECKS)}") or 1
    held = [report(o, repo) for o in CHECKS if not names or o.__name__ in names]
    print(f'{sum(held)} of {len(held)} checks hold', flush=True)
    return int(not all(held))

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
