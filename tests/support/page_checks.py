"""What must hold for every page, as pure functions of its HTML and its headers; each gives sentences, none when all is well."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from xml.etree.ElementTree import Element

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import html5lib

_CONTROLS = ("input", "select", "textarea")
_UNLABELLED_INPUTS = ("hidden", "submit", "button", "image", "reset")
_NOT_PRIMARY = {"button-second", "button-danger", "link", "icon-button"}
_REFERENCES = (
    "for",
    "aria-labelledby",
    "aria-describedby",
    "aria-controls",
    "aria-errormessage",
    "form",
    "popovertarget",
    "list",
)
_LOADED_FROM = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "use": "href"}
_UNSAFE_SOURCES = ("'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "http:", "https:", "data:", "blob:")


def parse(html: str) -> Element:
    """The page's root element. HTML elements have no namespace; those of SVG keep theirs."""
    return _parse(html)[0]


def page_faults(html: str) -> list[str]:
    """What is wrong with a whole page's HTML."""
    root, syntax_faults = _parse(html)
    checks = (_headline, _ids, _labels, _inline_code, _main_act, _links, _names, _origins)
    return [*syntax_faults, *(fault for check in checks for fault in check(root))]


def header_faults(headers: Mapping[str, str], cookies: list[str]) -> list[str]:
    """What is wrong with the headers of a page. `cookies` are its Set-Cookie headers."""
    return [
        *_policy_faults(headers.get("Content-Security-Policy", "")),
        *_fixed_faults(headers),
        *_cookie_faults(cookies),
    ]


def text_of(element: Element) -> str:
    """The words of an element as a reader hears them: what is hidden from them is left out."""
    return re.sub(r"\s+", " ", "".join(_words(element))).strip()


def tag_of(element: Element) -> str:
    """The element's name without a namespace; empty for a comment."""
    tag: object = element.tag  # Of a comment it is a function.
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


@lru_cache(maxsize=8)  # A page is checked, and then queried: reading it costs the most of both.
def _parse(html: str) -> tuple[Element, list[str]]:
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The parser is older than some of Python's deprecations.
        root: Element = parser.parse(html)
    lines = html.splitlines()
    return root, [
        f"invalid HTML, line {line}: {code} {details} in {lines[line - 1].strip()[:160]!r}"
        if line <= len(lines)
        else f"invalid HTML: {code}"
        for (line, _column), code, details in parser.errors
    ]


# --- one check after another ---


def _headline(root: Element) -> Iterator[str]:
    headlines = _all(root, "h1")
    titles = [title for head in _all(root, "head") for title in _all(head, "title")]
    if len(headlines) != 1:
        yield f"{len(headlines)} h1 elements"
    if len(titles) != 1:
        yield f"{len(titles)} title elements"
    elif len(headlines) == 1 and not text_of(titles[0]).startswith(text_of(headlines[0])):
        yield f"the title {text_of(titles[0])!r} does not begin with the h1 {text_of(headlines[0])!r}"
    if not root.get("lang"):
        yield "html has no lang"
    if len(_all(root, "main")) != 1:
        yield f"{len(_all(root, 'main'))} main elements"


def _ids(root: Element) -> Iterator[str]:
    ids = Counter(element.get("id") for element in root.iter() if element.get("id") is not None)
    yield from (f"id {name!r} stands {count} times" for name, count in ids.items() if count > 1)
    for element in root.iter():
        for attribute in _REFERENCES:
            for name in (element.get(attribute) or "").split():
                if name not in ids:
                    yield f"{attribute}={name!r} of <{tag_of(element)}> names no element"
        if (
            tag_of(element) == "a"
            and (element.get("href") or "").startswith("#")
            and element.get("href", "")[1:] not in ids
        ):
            yield f"link to {element.get('href')!r}, which is not on the page"


def _labels(root: Element) -> Iterator[str]:
    labelled = {label.get("for") for label in _all(root, "label")}
    wrapped = {id(control) for label in _all(root, "label") for control in label.iter()}
    for control in root.iter():
        if tag_of(control) not in _CONTROLS or control.get("type") in _UNLABELLED_INPUTS:
            continue
        by_attribute = control.get("aria-label") or control.get("aria-labelledby")
        if not (by_attribute or id(control) in wrapped or (control.get("id") and control.get("id") in labelled)):
            yield f"<{tag_of(control)} name={control.get('name')!r}> has no label"


def _inline_code(root: Element) -> Iterator[str]:
    for element in root.iter():
        tag = tag_of(element)
        if tag == "style" or (tag == "script" and not element.get("src")):
            yield f"inline <{tag}>"
        for attribute, value in element.items():
            if attribute == "style" or attribute.startswith("on"):
                yield f"inline {attribute}={value[:60]!r} on <{tag}>"
            if value.strip().lower().startswith("javascript:"):
                yield f"{attribute}={value[:60]!r} on <{tag}>"


def _main_act(root: Element) -> Iterator[str]:
    for main in _all(root, "main"):
        primary = [
            text_of(button)
            for button in _all(main, "button")
            if button.get("type", "submit") == "submit"
            and "button" in button.get("class", "").split()
            and not _NOT_PRIMARY & set(button.get("class", "").split())
        ]
        if len(primary) > 1:
            yield f"{len(primary)} primary submit buttons in main: {', '.join(primary)}"
        marked = [button for button in _all(main, "button") if button.get("data-primary") is not None]
        if len(marked) > 1 or any(_NOT_PRIMARY & set(button.get("class", "").split()) for button in marked):
            yield f"data-primary is not on the one main act: {', '.join(map(text_of, marked))}"
    for form in _all(root, "form"):
        if form.get("method", "get").lower() == "post" and not any(
            field.get("name") == "csrf_token" and field.get("value") for field in _all(form, "input")
        ):
            yield f"the form to {form.get('action')!r} has no csrf_token"


def _links(root: Element) -> Iterator[str]:
    for link in _all(root, "a"):
        if link.get("href") is not None and not _accessible_name(link, root):
            yield f"the link to {link.get('href')!r} has no name"
        if link.get("target") == "_blank" and "noopener" not in link.get("rel", ""):
            yield f"the link to {link.get('href')!r} opens a tab without rel=noopener"


def _names(root: Element) -> Iterator[str]:
    for button in _all(root, "button"):
        if not _accessible_name(button, root):
            yield f"a button (class {button.get('class')!r}) has no name"
        if button.get("type") is None:
            yield f"the button {text_of(button)!r} has no type"
    yield from (f"image {image.get('src')!r} has no alt" for image in _all(root, "img") if image.get("alt") is None)


def _origins(root: Element) -> Iterator[str]:
    for element in root.iter():
        attribute = _LOADED_FROM.get(tag_of(element))
        address = element.get(attribute, "") if attribute else ""
        if re.match(r"[a-z]+:|//", address, re.IGNORECASE):
            yield f"<{tag_of(element)}> loads {address!r} from another origin"


def _policy_faults(policy: str) -> Iterator[str]:
    if not policy:
        yield "no Content-Security-Policy"
        return
    directives = {name: sources for name, *sources in (part.split() for part in policy.split(";") if part.strip())}
    for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        if name not in directives:
            yield f"the policy lacks {name}"
    for name in ("default-src", "script-src", "style-src", "base-uri", "object-src"):
        unsafe = [source for source in directives.get(name, []) if source in _UNSAFE_SOURCES]
        if unsafe:
            yield f"the policy's {name} has {' '.join(unsafe)}"
    if "'unsafe" in policy:
        yield f"the policy has something unsafe: {policy}"
    if directives.get("object-src", directives.get("default-src")) != ["'none'"]:
        yield "the policy lets objects in"


def _fixed_faults(headers: Mapping[str, str]) -> Iterator[str]:
    expected = {
        "X-Content-Type-Options": ("nosniff",),
        "Referrer-Policy": ("same-origin", "strict-origin-when-cross-origin"),
        "Cross-Origin-Opener-Policy": ("same-origin-allow-popups",),
        "Cross-Origin-Resource-Policy": ("same-origin",),
        "Content-Type": ("text/html; charset=utf-8",),
    }
    for name, values in expected.items():
        if headers.get(name) not in values:
            yield f"{name} is {headers.get(name)!r}, not {' or '.join(values)}"
    if not headers.get("Permissions-Policy"):
        yield "no Permissions-Policy"
    if "no-store" not in _tokens(headers.get("Cache-Control", "")):
        yield f"Cache-Control is {headers.get('Cache-Control')!r}, without no-store"
    if "cookie" not in _tokens(headers.get("Vary", "")):
        yield f"Vary is {headers.get('Vary')!r}, without Cookie"


def _cookie_faults(cookies: list[str]) -> Iterator[str]:
    for cookie in cookies:
        name, _, rest = cookie.partition("=")
        attributes = {
            part.strip().lower().partition("=")[0]: part.strip().partition("=")[2] for part in rest.split(";")[1:]
        }
        if name == "session":
            yield "a cookie named session, which is a host application's"
        if (
            "httponly" not in attributes
            or attributes.get("samesite") not in ("Lax", "Strict", "None")
            or "domain" in attributes
        ):
            yield f"the cookie {name} has {sorted(attributes)}"
        if attributes.get("samesite") == "None" and not {"secure", "partitioned"} <= attributes.keys():
            yield f"the cookie {name} crosses sites without Secure and Partitioned"


# --- walking ---


def _all(root: Element, tag: str) -> list[Element]:
    return [element for element in root.iter() if tag_of(element) == tag]


def _accessible_name(element: Element, root: Element) -> str:
    if label := element.get("aria-label", "").strip():
        return label
    if ids := element.get("aria-labelledby", "").split():
        return " ".join(text_of(other) for other in root.iter() if other.get("id") in ids)
    pictures = [image.get("alt", "") for image in _all(element, "img")]
    drawings = [drawing.get("aria-label", "") for drawing in _all(element, "svg")]
    return " ".join([text_of(element), *pictures, *drawings]).strip()


def _words(element: Element) -> Iterator[str]:
    if not tag_of(element) or element.get("aria-hidden") == "true" or element.get("hidden") is not None:
        return
    yield element.text or ""
    for child in element:
        yield from _words(child)
        yield child.tail or ""


def _tokens(header: str) -> set[str]:
    return {part.strip().lower() for part in header.split(",")}
