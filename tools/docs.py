"""The docs site, without Quarto and without network: tools/docs.py

nbs/ ─ nbdev ─> _proc/ (hidden cells gone, show_doc run) ─ here ─> build/docs/ (MyST-NB) ─ Sphinx ─> _docs/
A lost link, a missing figure, a stale command, what a page would fetch from elsewhere, and what nbdev would warn of fail the build."""
import ast, configparser, json, os, posixpath, re, shutil, subprocess, sys, time
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent))
from readme import directives
from check import commands, floor, form, messages

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root)) # this quake, whichever is installed
proc, src, made, site = root/'_proc', root/'build/docs', root/'build/html', root/'_docs'
cfg = configparser.ConfigParser(delimiters=['='])
cfg.read(root/'settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']
online = cfg['doc_host'] + cfg['doc_baseurl'] + '/' # what nbdev's links start with

# What a newcomer reads, in this order; the other notebooks follow by stage
main_way = 'data.loader', 'visualization.fan_charts', 'visualization.spectrogram', 'models.hybrid_vit', 'pipelines.train_hvit', 'evaluation'
stages = {0: 'Ground', 10: 'Data', 20: 'Looking', 30: 'Models', 40: 'Training', 50: 'Evaluation', 60: 'Generation', 70: 'Pipelines', 80: 'Command line'}
guides = 'coming_from', 'troubleshooting', 'monitoring', 'configuration' # first; other texts of docs/ follow
project = 'changelog', 'contributing'

# Names of pages and symbols

def page(nb:str) -> str:
    "The page of a notebook, by its path under nbs/: 31_models.hybrid_vit.ipynb → models.hybrid_vit"
    folder, name = posixpath.split(nb.removesuffix('.ipynb'))
    return posixpath.join(folder, re.sub(r'^\d+[a-zA-Z0-9]*_', '', name.lower()))

def label(sym:str) -> str: # docutils tells no capitals: a class and a function of one name are told apart by the ending
    return 'api-' + re.sub(r'[^a-z0-9]+', '-', sym.lower()).strip('-') + '-class'*sym.rpartition('.')[2][:1].isupper()

@cache
def symbols() -> dict[str, tuple[str, str]]:
    "Every exported name: (where nbdev's links point, file)"
    space = {}
    exec((root/'quake/_modidx.py').read_text(), space)
    return {k: v for mod in space['d']['syms'].values() for k, v in mod.items()}

def by_url(url:str) -> str|None:
    "The name behind one of nbdev's links"
    return next((k for k, v in symbols().items() if v[0] == url), None)

def qualified(name:str, where:str) -> str|None:
    "quake.data.core.Waveforms for Waveforms as documented on a page; of another page only when nothing else fits"
    found = [k for k, v in symbols().items() if k.endswith(f'.{name}') and k.removesuffix(f'.{name}') == v[1][:-3].replace('/', '.')]
    return next((k for k in found if symbols()[k][0].startswith(f'{where}.html')), found[0] if found else None)

# API entries

@cache
def definitions(py:str) -> dict[str, ast.AST]:
    "The functions, classes and methods of a file, by the name that nbdev gives them"
    from nbdev.doclinks import patch_name
    kinds, found = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), {}
    for node in ast.parse((root/py).read_text(encoding='utf-8')).body:
        if not isinstance(node, kinds): continue
        names = patch_name(node)
        for name in [names] if isinstance(names, str) else names: found[name] = node
        if isinstance(node, ast.ClassDef): found |= {f'{node.name}.{o.name}': o for o in node.body if isinstance(o, kinds)}
    return found

def text(py:str, first:int, last:int) -> str:
    "Lines of a file, moved to the left"
    from textwrap import dedent
    return dedent('\n'.join((root/py).read_text(encoding='utf-8').split('\n')[first - 1:last])).strip('\n')

def heading(py:str, node) -> str:
    "A function's signature as it was written, comments and all"
    keep = [f'@{ast.unparse(o)}\n' for o in node.decorator_list if re.match(r'property|classmethod|staticmethod|contextmanager|cached?_?', ast.unparse(o))]
    start = node.body[0]
    if start.lineno == node.lineno: return ''.join(keep) + text(py, node.lineno, node.lineno)[:start.col_offset].strip() # all on one line
    head = text(py, node.lineno, start.lineno)
    if start.lineno > 1 and not (root/py).read_text(encoding='utf-8').split('\n')[start.lineno - 1][:start.col_offset].strip():
        head = text(py, node.lineno, start.lineno - 1) # the body starts on a line of its own
    return ''.join(keep) + head

def signature(py:str, node) -> str:
    "What stands at the top of an entry: a function's signature; a class with its fields and its __init__"
    if not isinstance(node, ast.ClassDef): return heading(py, node)
    top = f"class {node.name}{'(' + ', '.join(map(ast.unparse, node.bases)) + ')' if node.bases else ''}:"
    fields = [o for o in node.body if isinstance(o, (ast.Assign, ast.AnnAssign)) and not _private(o)]
    init = next((o for o in node.body if getattr(o, 'name', '') == '__init__'), None)
    parts = [text(py, o.lineno, o.end_lineno) for o in fields] + ([heading(py, init)] if init else [])
    return '\n'.join([top, *('    ' + o.replace('\n', '\n    ') for o in parts)])

def _private(node) -> bool:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return isinstance(target, ast.Name) and target.id.startswith('_')

_entry = re.compile(r'^---\s+(?:\[source\]\((?P<url>[^)]*)\)\{[^}]*\}\s+)?#+ (?P<name>[^\n]+)\n+```python\n(?P<sig>.*?)\n```(?P<doc>.*)$', re.S)

def entry(md:str, name:str, where:str, level:int, seen:set) -> str:
    "One of nbdev's API entries for this site: a target to link to, the source, the signature as it was written"
    m = _entry.match(md)
    if not m: return md
    sym = qualified(name, where)
    py = symbols()[sym][1] if sym else ''
    node = definitions(py).get(name) if sym else None
    sig = signature(py, node) if node is not None else m['sig']
    url = f"{cfg['git_url']}/blob/{cfg['branch']}/{py}#L{node.lineno}" if node is not None else m['url']
    target = f'({label(sym)})=\n' if sym and sym not in seen else ''
    seen.add(sym)
    source = f'[source]({url}){{.source}}\n\n' if url else ''
    return f"{target}{'#'*level} `{name}`\n\n{source}```python\n{sig}\n```\n\n{m['doc'].strip()}"

# Notebooks

def title(nb:str) -> str:
    "The cell with the H1 as it was written (nbdev keeps its title and line only), its options gone"
    from nbdev.doclinks import NbdevLookup
    for c in json.loads((root/'nbs'/nb).read_text(encoding='utf-8'))['cells']:
        s = ''.join(c['source'])
        if c['cell_type'] == 'markdown' and re.search(r'^# \S', s, re.M): return NbdevLookup().linkify(re.sub(r'^- \S+: .*\n?', '', s, flags=re.M).strip())
    raise SystemExit(f'{nb} needs a cell with `# Title` and `> one line`')

def origin(nb:str) -> str:
    "A line under the title: the module and the notebook"
    s = ''.join(''.join(c['source']) + '\n' for c in json.loads((root/'nbs'/nb).read_text())['cells'])
    m = re.search(r'^#\|\s*default_exp\s+(\S+)', s, re.M)
    module = f"`{cfg['lib_name']}.{m[1]}` · " if m else ''
    return '' if nb == 'index.ipynb' else f"{{.origin}}\n{module}[notebook]({cfg['git_url']}/blob/{cfg['branch']}/nbs/{nb})"

def options(cell:dict) -> dict:
    "Quarto's options and nbdev's directives as MyST-NB's tags"
    found, cell['source'] = directives(''.join(cell['source']))
    tags = [tag for (k, v), tag in {('echo', 'false'): 'remove-input', ('output', 'false'): 'remove-output', ('include', 'false'): 'remove-cell',
            ('code-fold', 'true'): 'hide-input', ('code-fold', 'show'): 'hide-input'}.items() if found.get(k) == v]
    cell['metadata'] = {'tags': tags} | ({'mystnb': {'figure': {'caption': found['fig-cap'].strip('"')}}} if 'fig-cap' in found else {})
    return cell

def showdoc(cell:dict) -> tuple[str, str]|None:
    "The markdown of a show_doc cell, and the name it documents"
    m = re.search(r'^show_doc\(([\w.]+)', ''.join(cell['source']), re.M)
    if cell['cell_type'] != 'code' or not m: return
    return '\n\n'.join(''.join(o['data'].get('text/markdown', '')) for o in cell['outputs'] if 'data' in o), m[1]

def markdown(s:str) -> dict: return dict(cell_type='markdown', metadata={}, source=s)

def depth(s:str) -> int|None:
    "The level of the last heading in some markdown"
    found = re.findall(r'^(#+) ', re.sub(r'^```.*?^```', '', s, flags=re.M | re.S), re.M)
    return len(found[-1]) if found else None

def convert(nb:str, labels:set) -> dict:
    "A processed notebook as MyST-NB wants it"
    where, level = page(nb), 1
    old, cells = json.loads((proc/nb).read_text(encoding='utf-8')), []
    for c in old['cells']:
        s = ''.join(c['source'])
        if c['cell_type'] == 'raw' or s.startswith('<!-- WARNING'): continue
        if (doc := showdoc(c)): c = markdown(entry(*doc, where, level + 1, labels))
        elif c['cell_type'] == 'markdown': level = depth(s) or level; c = markdown(callouts(s))
        else: c = options(c) | {'execution_count': None}
        cells.append(c)
    head, line, rest = re.match(r'(.*?^# [^\n]+)((?:\s*^> [^\n]*)*)(.*)', title(nb), re.S | re.M).groups()
    language = dict(name='python', pygments_lexer='ipython3')
    return dict(cells=[markdown(o) for o in (head + line, origin(nb), rest.strip()) if o] + cells, metadata=dict(language_info=language), nbformat=4, nbformat_minor=4)

def callouts(s:str) -> str: return re.sub(r'^:::+ *\{\.callout-(\w+)[^}]*\}', r':::{\1}', s, flags=re.M)

# Links

def links(s:str, where:str, labels:set) -> str:
    "Links of a text, pointing inside the site; code stays as it is"
    parts = re.split(r'(^```.*?^```|^~~~.*?^~~~)', s, flags=re.M | re.S)
    return ''.join(o if i % 2 else re.sub(r'(\]\()([^)\s]+)(\))', lambda m: m[1] + inside(m[2], where, labels) + m[3], o) for i, o in enumerate(parts))

def inside(url:str, where:str, labels:set) -> str:
    "One link: nbdev's to an API entry, a notebook's to another, a page's to a text at the top of the repository"
    if url.startswith(online): return symbol_link(url.removeprefix(online), where, labels)
    if re.match(r'\w+:|#', url): return url
    path, _, anchor = url.partition('#')
    if path.endswith('.ipynb'): return path_to(page(posixpath.normpath(posixpath.join(posixpath.dirname(where), path))) + '.ipynb', where) + (f'#{anchor.lower()}' if anchor else '')
    texts = {'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md'}
    if (name := posixpath.basename(path)) in texts: return path_to(texts[name], where)
    if path.startswith('../'): return f"{cfg['git_url']}/blob/{cfg['branch']}/{posixpath.normpath(posixpath.join('nbs', posixpath.dirname(where), path))}"
    return url

def symbol_link(url:str, where:str, labels:set) -> str:
    "The entry of a name; of its class when it has none; else the page"
    sym = by_url(url)
    home = next((o for o in (sym, (sym or '').rpartition('.')[0]) if o in labels), None)
    return f'#{label(home)}' if home else path_to(url.partition('.html')[0] + '.ipynb', where)

def path_to(to:str, where:str) -> str: return posixpath.relpath(to, posixpath.dirname(where) or '.')

# Other pages

def toctree(caption:str, pages:list[str]) -> str:
    return '\n'.join(['```{toctree}', ':hidden:', f':caption: {caption}', '', *pages, '```']) if pages else ''

def contents(nbs:list[str]) -> str:
    "The navigation: the main way, what helps on it, then stage by stage, benchmarks, the project"
    pages = {page(o): o for o in nbs if o != 'index.ipynb'}
    first = [o for o in main_way if o in pages]
    under = lambda folder: [p for p in pages if p.startswith(f'{folder}/')]
    stage = {name: [p for p, nb in pages.items() if p not in first and '/' not in nb and n <= floor(Path(nb))[0] < n + 10] for n, name in stages.items()}
    trees = {'The main way': first, 'Tutorials': under('tutorials'), 'Guides': guide_pages(), **stage, 'Benchmarks': under('benchmarks'), 'Project': list(project)}
    return '\n\n'.join(filter(None, map(toctree, trees, trees.values())))

def guide_pages() -> list[str]:
    there = {o.stem for o in (root/'docs').glob('*.md')} | {'configuration'}
    return [o for o in guides if o in there] + sorted(there - {*guides})

def configuration() -> str:
    "Every setting with its default and meaning, from the dataclasses; the presets as they are"
    from dataclasses import fields, is_dataclass
    from quake import config
    classes = [o for o in vars(config).values() if isinstance(o, type) and is_dataclass(o)]
    parts = {f.type for o in classes for f in fields(o)}
    tops = [o for o in classes if o not in parts and any(is_dataclass(f.type) for f in fields(o))]
    presets = [f'### {p.stem}\n\n```yaml\n{p.read_text().strip()}\n```' for p in sorted((root/'quake/configs').glob('*.yaml'))]
    intro = '# Configuration: every setting\n\n> Its default, and what it means.\n\nGenerated from the dataclasses of `quake.config`. A setting is given as `--override "optim.lr: 1e-4"`, or in a YAML file that `--config` names.'
    return '\n\n'.join([intro, *map(learner, tops), '## Presets\n\nWhat `--config NAME` reads; what it does not name keeps its default.', *presets])

def learner(schema) -> str:
    "The tables of one learner, a section at a time"
    from itertools import groupby
    from dataclasses import fields
    from quake.config import describe
    kinds, parts = {f.name: f.type for f in fields(schema)}, [f'## {schema.__name__}\n\n{schema.__doc__}']
    rows = sorted(describe(schema), key=lambda r: '.' in r['setting'])
    for section, group in groupby(rows, lambda r: r['setting'].rpartition('.')[0]):
        if section: parts.append(f"### {section}\n\n{kinds[section].__doc__ if section in kinds else ''}")
        parts.append('| setting | default | meaning |\n|---|---|---|\n' + '\n'.join(map(row, group)))
    return '\n\n'.join(parts)

def row(r:dict) -> str:
    cell = lambda o: str(o).replace('|', '\\|')
    value = json.dumps(r['default'], default=str)
    return f"| `{r['setting']}` | `{cell(value)}` | {cell(r['meaning'] or '')} |"

def texts() -> dict[str, str]:
    "Pages that are no notebooks"
    pages = {f'{o}.md': (root/f'{o.upper()}.md').read_text(encoding='utf-8') for o in ('changelog', 'contributing')}
    pages |= {o.name: linked(o.read_text(encoding='utf-8')) for o in (root/'docs').glob('*.md')}
    return pages | {'configuration.md': configuration()}

def linked(md:str) -> str:
    "Names in code spans as links to their entries, as nbdev makes them in notebooks"
    from nbdev.doclinks import NbdevLookup
    return NbdevLookup().linkify(md)

# The build

def process() -> list[str]:
    "nbdev's part: notebooks under _proc/, by their path there"
    from nbdev.serve import proc_nbs
    proc_nbs(force=True)
    return sorted(o.relative_to(proc).as_posix() for o in proc.rglob('*.ipynb') if not any(p[0] in '._' for p in o.relative_to(proc).parts))

def assemble(nbs:list[str]):
    "MyST-NB's sources under build/docs/"
    shutil.rmtree(src, ignore_errors=True)
    shutil.copytree(proc, src, ignore=shutil.ignore_patterns('*.ipynb', '*.py', '*.yml'))
    labels = set()
    done = {nb: convert(nb, labels) for nb in nbs}
    if 'index.ipynb' in done: done['index.ipynb']['cells'].append(markdown(contents(nbs)))
    for nb, found in done.items():
        for c in found['cells']:
            if c['cell_type'] == 'markdown': c['source'] = links(c['source'], page(nb), labels)
        for c in found['cells']: outputs(c, page(nb), labels)
        out = src/f'{page(nb)}.ipynb'
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found), encoding='utf-8')
    for name, s in texts().items(): (src/name).write_text(links(s, name, labels), encoding='utf-8')

def outputs(cell:dict, where:str, labels:set):
    "Links in stored markdown outputs"
    for o in cell.get('outputs', []):
        if 'text/markdown' in o.get('data', {}): o['data']['text/markdown'] = links(''.join(o['data']['text/markdown']), where, labels)

def sphinx() -> int:
    shutil.rmtree(made, ignore_errors=True)
    bad = subprocess.call([sys.executable, '-m', 'sphinx', '-b', 'html', '-q', '-W', '--keep-going', '-n', '-d', root/'build/doctrees', '-E', '-c', root/'docs', src, made])
    shutil.rmtree(site, ignore_errors=True)
    if made.exists(): made.rename(site)
    return bad

# What the finished pages point to

class Pointers(HTMLParser):
    "The targets of a page, and where it points: (attribute, address)"
    def __init__(self, html:str):
        super().__init__()
        self.targets, self.points = {''}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.targets |= {attrs[o] for o in ('id', 'name') if attrs.get(o)}
        fetch = tag in ('script', 'img', 'iframe', 'source') or (tag == 'link' and attrs.get('rel') not in ('canonical', 'search', 'index', 'next', 'prev', 'author', 'copyright'))
        self.points += [('fetch' if fetch else 'link', attrs[o]) for o in ('src', 'href') if attrs.get(o)]

def pointless() -> list[str]:
    "Links that lead nowhere, files that are missing, and what would need the network"
    pages = {o.relative_to(site).as_posix(): Pointers(o.read_text(encoding='utf-8')) for o in site.rglob('*.html')}
    return [f'{name}: {why}' for name, page in sorted(pages.items()) for why in dict.fromkeys(astray(*o, name, pages) for o in page.points) if why]

def astray(kind:str, url:str, where:str, pages:dict) -> str|None:
    "What is wrong with one address on a page"
    if re.match(r'(https?:)?//', url): return f'{url} would need the network' if kind == 'fetch' else None
    if re.match(r'(data|mailto|javascript|blob):', url): return
    path, _, anchor = url.partition('#')
    path = posixpath.normpath(posixpath.join(posixpath.dirname(where), unquote(path.partition('?')[0]))) if path.partition('?')[0] else where
    if not (site/path).is_file(): return f'{url} is not there'
    if path in pages and unquote(anchor) not in pages[path].targets and anchor != 'top': return f'{url}: {path} has no such place'

def main() -> int:
    os.chdir(root)
    start = time.time()
    nbs = process()
    if 'index.ipynb' not in nbs: return print('nbs/index.ipynb is missing: it is the landing page') or 1
    t = time.time()
    assemble(nbs)
    bad = sphinx()
    away = ([] if bad else pointless()) + form(root) + commands(root) + messages(root)
    for o in away: print(o)
    print(f'{len(nbs)} notebooks; nbdev {t - start:.0f} s, Sphinx {time.time() - t:.0f} s' + ('' if bad or away else f': {site.name}/index.html'))
    return int(bool(bad or away))

if __name__ == '__main__': sys.exit(main())
