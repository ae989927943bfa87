"""Check the files for deployment with the tools of those who read them: `make lint-deploy`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / 'deploy'
#: The chart for Helm.
CHART = DEPLOY / 'helm' / 'vaurien'
#: Where the tools are that came with this interpreter.
TOOLS = Path(sys.executable).parent
YAML_RULES = (
    '{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}}}'
)
#: Those of Kubernetes that the files are for: the oldest that has sidecars, and the newest that is known.
VERSIONS = ('1.29', '1.37')
#: Values for the chart that make use of all that it has.
VALUES = {
    'proxies': {
        'redis': {'port': 6379, 'backend': 'redis:6379', 'protocol': 'redis', 'behavior': '5:error'},
        'postgres': {'port': 5432, 'backend': 'db:5432', 'toxics': [{'type': 'latency', 'latency': 200}]},
    },
    'config': {'behavior': {'delay': {'sleep': '200ms'}}},
    'token': 'secret',
    'imagePullSecrets': [{'name': 'registry'}],
    'service': {'type': 'NodePort', 'annotations': {'some': 'thing'}},
    'args': ['--log-format=json'],
    'podAnnotations': {'some': 'thing'},
    'nodeSelector': {'some': 'thing'},
    'tolerations': [{'operator': 'Exists'}],
    'affinity': {'nodeAffinity': {}},
}


def main() -> int:
    """Run every check, whatever the others say; return 1 if one of them has found something.

    With ``--light``, which the tests have, run those whose tools are small.
    """
    templates = CHART / 'templates'
    files = [path for path in sorted(DEPLOY.rglob('*.y*ml')) if templates not in path.parents]
    with TemporaryDirectory() as name:
        folder = Path(name)
        light = max(
            run('shellcheck', *sorted(DEPLOY.rglob('*.sh')), 'scripts/build-image', 'scripts/install-servers'),
            run('yamllint', '--strict', '-d', YAML_RULES, 'action.yml', *files),
            conforms('compose-spec', *sorted((DEPLOY / 'compose').glob('*.yaml'))),
            conforms('github-actions', ROOT / 'action.yml'),
            check_workflow(folder),
            conforms('gitlab-ci', '--data-transform', 'gitlab-ci', *fill_templates(folder)),
        )
        if '--light' in sys.argv:
            return light
        return max(
            light,
            run('hadolint', 'Dockerfile'),
            lint_chart(),
            check_kubernetes(DEPLOY / 'kubernetes' / 'sidecar.yaml', *render_chart(folder)),
            check_unit(folder),
        )


def run(tool: str, *arguments: str | Path) -> int:
    """Run a tool, and return 1 if it does not end well."""
    path = TOOLS / tool
    print(tool, flush=True)
    return int(subprocess.run([path if path.exists() else tool, *arguments], cwd=ROOT).returncode != 0)


def conforms(schema: str, *arguments: str | Path) -> int:
    """Return 0 if all files are what the published schema wants."""
    return run('check-jsonschema', '--builtin-schema', f'vendor.{schema}', *arguments)


def lint_chart() -> int:
    """Do as ``helm lint --strict`` does, without values and with all of them."""
    import helm_python as helm  # of `make lint-deploy` alone

    print(f'helm {helm.helm_sdk_version()}', flush=True)
    errors = [error for values in ({}, VALUES) for error in helm.lint(CHART, values, strict=True)['errors']]
    print(*errors, sep='\n', end='\n' if errors else '')
    return int(bool(errors))


def render_chart(folder: Path) -> list[Path]:
    """Write what the chart makes of no values, and of all; return the files."""
    import helm_python as helm

    rendered = []
    with helm.Chart.load(CHART) as chart:
        for kind, values in (('bare', {}), ('full', VALUES)):
            for name, text in chart.render(values, name='test', namespace='default').items():
                if name.endswith('.yaml'):
                    path = folder / f'{kind}-{Path(name).name}'
                    path.write_text(text)
                    rendered.append(path)
    return rendered


def check_kubernetes(*files: Path) -> int:
    """Compare resources with the schemas of Kubernetes."""
    return max(run('kubernetes-validate', '--strict', '--quiet', '-k', version, *files) for version in VERSIONS)


def check_unit(folder: Path) -> int:
    """Have systemd read the unit, with a program that is there. What it ignores, it only prints."""
    path = folder / 'vaurien.service'
    path.write_text((DEPLOY / 'systemd' / path.name).read_text().replace('/opt/vaurien/bin/vaurien', sys.executable))
    print('systemd-analyze', flush=True)
    done = subprocess.run(['systemd-analyze', 'verify', path], stderr=subprocess.PIPE, text=True)
    print(done.stderr, end='')
    return int(done.returncode != 0 or bool(done.stderr))


def check_workflow(folder: Path) -> int:
    """Check a job of GitHub, and whether it uses the action as it is."""
    workflows = folder / '.github' / 'workflows'
    workflows.mkdir(parents=True)
    (folder / '.git').mkdir()
    (folder / 'action.yml').symlink_to(ROOT / 'action.yml')
    path = workflows / 'tests.yml'
    path.write_text((DEPLOY / 'github' / 'tests.yml').read_text().replace('OWNER/vaurien@v2', './'))
    return run('actionlint', '-shellcheck=', path)


def fill_templates(folder: Path) -> list[Path]:
    """Write the files for GitLab without inputs, which its schema does not know; return the files."""
    filled = []
    for path in sorted((DEPLOY / 'gitlab').iterdir()):
        text = path.read_text().rpartition('---\n')[2].replace('$[[ inputs.flags ]]', '[--server]')
        filled.append(folder / path.name)
        filled[-1].write_text(text)
    return filled


if __name__ == '__main__':
    sys.exit(main())
