"Sphinx reads this; the pages are made by tools/docs.py under build/docs/"
import configparser, sys
from pathlib import Path

here = Path(__file__).resolve().parent
cfg = configparser.ConfigParser(delimiters=['='])
cfg.read(here.parent/'settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']

project, author, release = cfg['title'], cfg['author'], cfg['version']
copyright = cfg['copyright']
language = 'en'
extensions = ['myst_nb', 'sphinx_copybutton', 'sphinx-mathjax-offline']
suppress_warnings = ['myst.header'] # a stage may go from H1 to H3

nb_execution_mode = 'off' # outputs are stored in the notebooks
nb_merge_streams = True
nb_ipywidgets_js = {} # nothing from elsewhere
nb_render_markdown_format = 'myst'
myst_enable_extensions = ['amsmath', 'attrs_block', 'attrs_inline', 'colon_fence', 'deflist', 'dollarmath', 'strikethrough', 'tasklist']
myst_heading_anchors = 4
myst_dmath_double_inline = True

# the page that is read stands out in the sidebar, the others do not
quiet = {'color-sidebar-link-text': 'var(--color-foreground-secondary)', 'color-sidebar-link-text--top-level': 'var(--color-foreground-secondary)'}
html_theme = 'furo'
html_title = f'{project} {release}'
html_static_path = [str(here/'_static')]
html_css_files = ['custom.css']
html_search_scorer = str(here/'_static/scorer.js')
html_favicon = str(here/'_static/favicon.svg')
html_show_sphinx = False
html_copy_source = False
html_theme_options = dict(
    light_logo='logo-light.svg', dark_logo='logo-dark.svg', sidebar_hide_name=True, navigation_with_keys=True,
    light_css_variables={'color-brand-primary': '#9a3d12', 'color-brand-content': '#9a3d12', 'color-brand-visited': '#7a3a63', **quiet},
    dark_css_variables={'color-brand-primary': '#f0a26b', 'color-brand-content': '#f0a26b', 'color-brand-visited': '#d9a3c4', **quiet})
pygments_style, pygments_dark_style = 'tango', 'github-dark'
copybutton_exclude = '.linenos, .gp, .go'
copybutton_selector = 'div.cell_input pre, div.highlight-bash pre, div.highlight-python pre, div.highlight-yaml pre'
