"README.md from nbs/index.ipynb, without Quarto: hidden cells and directives go, text outputs stay"
import json, posixpath, re
from pathlib import Path

root = Path(__file__).resolve().parent.parent
head = '<!-- Rendered from nbs/index.ipynb by `make readme`: edit that. -->\n'
_directive = re.compile(r'^\s*#\|\s*(\w+)\s*:?\s*(.*?)\s*$')

def directives(source:str) -> tuple[dict, str]:
    "The `#|` lines at the top of a cell, and the rest"
    lines, found = source.split('\n'), {}
    while lines and (m := _directive.match(lines[0])): found[m[1]] = m[2]; lines.pop(0)
    return found, '\n'.join(lines).strip('\n')

def hidden(found:dict) -> bool:
    "Does the cell stay out of what is rendered?"
    return bool(found.keys() & {'hide', 'export', 'exporti', 'default_exp'}) or found.get('include') == 'false'

def fence(text:str, lang:str='') -> str:
    text = re.sub(r'\x1b\[[0-9;]*m', '', text).rstrip('\n')
    return f'```{lang}\n{text}\n```' if text.strip() else ''

def output(out:dict) -> str:
    "One stored output as markdown"
    if out['output_type'] == 'stream': return '' if out['name'] == 'stderr' else fence(''.join(out['text']), 'text')
    data = {k: ''.join(v) for k, v in out.get('data', {}).items() if k.startswith(('text/', 'image/'))}
    if any(k.startswith('image/') for k in data):
        raise ValueError('index.ipynb: a stored figure cannot go to README.md; save it under nbs/images/ and show it in a markdown cell')
    return data.get('text/markdown') or fence(data.get('text/plain', ''), 'text')

def link(m:re.Match) -> str:
    "A link of the notebook seen from the top of the repository"
    url = m[2]
    if re.match(r'\w+:|#', url): return m[0]
    return f'{m[1]}{posixpath.normpath(posixpath.join("nbs", url))}{m[3]}'

def relink(text:str) -> str:
    text = re.sub(r'(\]\()([^)\s]+)(\)|\s)', link, text)
    return re.sub(r'((?:src|srcset|href)=")([^"]+)(")', link, text)

def cell(c:dict) -> str:
    "One cell as markdown; empty when it is hidden"
    source = ''.join(c['source'])
    if c['cell_type'] == 'markdown': return relink(source.strip())
    if c['cell_type'] != 'code': return ''
    found, source = directives(source)
    if hidden(found): return ''
    parts = [] if found.get('echo') == 'false' else [fence(source, 'python')]
    if found.get('output') != 'false': parts += [output(o) for o in c['outputs']]
    return '\n\n'.join(filter(None, parts))

def render(nb:Path) -> str:
    "The whole notebook as markdown"
    cells = json.loads(nb.read_text(encoding='utf-8'))['cells']
    return head + '\n' + '\n\n'.join(filter(None, map(cell, cells))) + '\n'

if __name__ == '__main__':
    (root/'README.md').write_text(render(root/'nbs/index.ipynb'), encoding='utf-8')
    print('README.md')
