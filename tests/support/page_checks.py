"""What must hold for every page, as pure functions of its HTML and its headers; each gives sentences, none when all is well."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from tests.support.page_trees import SVG, read_page

_CONTROLS = ("input", "select", "textarea")
_UNLABELLED_INPUTS = ("hidden", "submit", "button", "image", "reset")
_NOT_PRIMARY = {"button-second", "button-danger", "link", "icon-button"}
_REFERENCES = frozenset(
    "for aria-labelledby aria-describedby aria-controls aria-errormessage form popovertarget list".split()
)
_LOADED_FROM = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "use": "href"}
_UNSAFE_SOURCES = ("'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "http:", "https:", "data:", "blob:")


def parse(html: str) -> Element:
    """The page's root element. HTML elements have no namespace; those of SVG keep theirs."""
    return read_page(html)[0]


def page_faults(html: str) -> list[str]:
    """What is wrong with a whole page's HTML."""
    root, syntax_faults = read_page(html)
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


def elements_of(root: Element, tag: str) -> list[Element]:
    """Return the elements of a name, HTML's and SVG's; the names are looked through where Python does not."""
    return [*root.iter(tag), *root.iter(SVG + tag)]


# --- one check after another ---


def _headline(root: Element) -> Iterator[str]:
    headlines = elements_of(root, "h1")
    titles = [title for head in elements_of(root, "head") for title in elements_of(head, "title")]
    if len(headlines) != 1:
        yield f"{len(headlines)} h1 elements"
    if len(titles) != 1:
        yield f"{len(titles)} title elements"
    elif len(headlines) == 1 and not _unmarked(titles[0]).startswith(_unmarked(headlines[0])):
        yield f"the title {text_of(titles[0])!r} does not begin with the h1 {text_of(headlines[0])!r}"
    if not root.get("lang"):
        yield "html has no lang"
    if len(elements_of(root, "main")) != 1:
        yield f"{len(elements_of(root, 'main'))} main elements"


def _unmarked(element: Element) -> str:
    """The words without what keeps their direction: a title has marks for that where a headline has elements."""
    return re.sub("[\u2066-\u2069]", "", text_of(element))


def _ids(root: Element) -> Iterator[str]:
    ids = Counter(element.get("id") for element in root.iter() if element.get("id") is not None)
    yield from (f"id {name!r} stands {count} times" for name, count in ids.items() if count > 1)
    for element in root.iter():
        for attribute in _REFERENCES.intersection(element.keys()):
            for name in element.get(attribute, "").split():
                if name not in ids:
                    yield f"{attribute}={name!r} of <{tag_of(element)}> names no element"
    for link in elements_of(root, "a"):
        if link.get("href", "").startswith("#") and link.get("href", "")[1:] not in ids:
            yield f"link to {link.get('href')!r}, which is not on the page"


def _labels(root: Element) -> Iterator[str]:
    labelled = {label.get("for") for label in elements_of(root, "label")}
    wrapped = {id(control) for label in elements_of(root, "label") for control in label.iter()}
    for control in (control for tag in _CONTROLS for control in elements_of(root, tag)):
        if control.get("type") in _UNLABELLED_INPUTS:
            continue
        by_attribute = control.get("aria-label") or control.get("aria-labelledby")
        if not (by_attribute or id(control) in wrapped or (control.get("id") and control.get("id") in labelled)):
            yield f"<{tag_of(control)} name={control.get('name')!r}> has no label"


def _inline_code(root: Element) -> Iterator[str]:
    yield from ("inline <style>" for _ in elements_of(root, "style"))
    yield from ("inline <script>" for script in elements_of(root, "script") if not script.get("src"))
    for element in root.iter():
        for attribute, value in element.items():
            if attribute == "style" or attribute.startswith("on"):
                yield f"inline {attribute}={value[:60]!r} on <{tag_of(element)}>"
            if ":" in value and value.strip().lower().startswith("javascript:"):
                yield f"{attribute}={value[:60]!r} on <{tag_of(element)}>"


def _main_act(root: Element) -> Iterator[str]:
    for main in elements_of(root, "main"):
        primary = [
            text_of(button)
            for button in elements_of(main, "button")
            if button.get("type", "submit") == "submit"
            and "button" in button.get("class", "").split()
            and not _NOT_PRIMARY & set(button.get("class", "").split())
        ]
        if len(primary) > 1:
            yield f"{len(primary)} primary submit buttons in main: {', '.join(primary)}"
        marked = [button for button in elements_of(main, "button") if button.get("data-primary") is not None]
        if len(marked) > 1 or any(_NOT_PRIMARY & set(button.get("class", "").split()) for button in marked):
            yield f"data-primary is not on the one main act: {', '.join(map(text_of, marked))}"
    for form in elements_of(root, "form"):
        if form.get("method", "get").lower() == "post" and not any(
            field.get("name") == "csrf_token" and field.get("value") for field in elements_of(form, "input")
        ):
            yield f"the form to {form.get('action')!r} has no csrf_token"


def _links(root: Element) -> Iterator[str]:
    for link in elements_of(root, "a"):
        if link.get("href") is not None and not _accessible_name(link, root):
            yield f"the link to {link.get('href')!r} has no name"
        if link.get("target") == "_blank" and "noopener" not in link.get("rel", ""):
            yield f"the link to {link.get('href')!r} opens a tab without rel=noopener"


def _names(root: Element) -> Iterator[str]:
    for button in elements_of(root, "button"):
        if not _accessible_name(button, root):
            yield f"a button (class {button.get('class')!r}) has no name"
        if button.get("type") is None:
            yield f"the button {text_of(button)!r} has no type"
    yield from (
        f"image {image.get('src')!r} has no alt" for image in elements_of(root, "img") if image.get("alt") is None
    )


def _origins(root: Element) -> Iterator[str]:
    for tag, attribute in _LOADED_FROM.items():
        addresses = [element.get(attribute, "") for element in elements_of(root, tag)]
        for address in addresses:
            if re.match(r"[a-z]+:|//", address, re.IGNORECASE):
                yield f"<{tag}> loads {address!r} from another origin"


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


def _accessible_name(element: Element, root: Element) -> str:
    if label := element.get("aria-label", "").strip():
        return label
    if ids := element.get("aria-labelledby", "").split():
        return " ".join(text_of(other) for other in root.iter() if other.get("id") in ids)
    pictures = [image.get("alt", "") for image in elements_of(element, "img")]
    drawings = [drawing.get("aria-label", "") for drawing in elements_of(element, "svg")]
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
