"""One file of HTML: what it may load and run, and values that look like markup. The tests of pages have a browser."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256

from vaurien.explore.showing.document import make_document

EVIL = '</script><script>alert(1)</script><!-- $policy ${style} &amp;'


def make(title: str = 'Shop', data: object = None) -> str:
    return make_document(title, data, styles=['page.css'], scripts=['elements.js', 'page.js'])


def test_the_policy_allows_the_script_and_the_style_that_are_in_it_and_nothing_else() -> None:
    document = make()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document)
    assert policy is not None
    for name, tag in (('script-src', '<script>'), ('style-src', '<style>')):
        text = document.partition(tag)[2].partition(tag.replace('<', '</'))[0]
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f'{name} &#x27;sha256-{digest}&#x27;' in policy[1]
    assert policy[1].startswith('default-src &#x27;none&#x27;;')
    assert 'unsafe' not in policy[1]
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|https?://', document)


def test_values_cannot_end_the_element_that_they_are_in() -> None:
    document = make(title=EVIL, data={'text': EVIL})
    assert document.count('</script>') == make().count('</script>')
    assert f'<title>{EVIL}' not in document
    data = document.partition('id="data">')[2].partition('</script>')[0]
    assert json.loads(data) == {'text': EVIL}
