"Packaging for quake: everything it says is read from settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='])
parser.read(here/'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']
words = lambda key: cfg[key].split()
extras = {name: words(f'{name}_requirements') for name in ('docs', 'seisbench', 'dask', 'umap')}

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'],
    long_description=(here/'README.md').read_text(encoding='utf-8') if (here/'README.md').exists() else cfg['description'],
    long_description_content_type='text/markdown',
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], keywords=cfg['keywords'],
    license='MIT', python_requires='>=' + cfg['min_python'],
    classifiers=[
        'Development Status :: 3 - Alpha', 'Intended Audience :: Science/Research',
        'Natural Language :: English', 'Programming Language :: Python :: 3',
    ],
    packages=find_packages(), package_data={'quake': ['configs/*.yaml']}, zip_safe=False,
    install_requires=words('requirements'),
    extras_require={**extras, 'dev': words('dev_requirements') + sum(extras.values(), [])},
    entry_points={'console_scripts': words('console_scripts'),
                  'nbdev': [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"]},
)
