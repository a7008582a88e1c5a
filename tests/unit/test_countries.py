"""The country that a code or a name means."""

from __future__ import annotations

import pytest
from babel import Locale

from portal.countries import find_country, is_country


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cm", "CM"), ("CMR", "CM"), ("Cameroon", "CM"), ("Cameroun", "CM"), ("uk", "GB"), ("USA", "US"), ("U.S.A.", "US"), ("England", "GB"),
        ("Côte d'Ivoire", "CI"), ("COTE D’IVOIRE", "CI"), ("Cote dIvoire", "CI"), ("Ivory Coast", "CI"), ("Russian Federation", "RU"),
        ("Viet Nam", "VN"), ("Vietnam", "VN"), ("United States of America (the)", "US"), ("Trinidad and Tobago", "TT"), ("Hong Kong SAR", "HK"),
        ("Hong Kong", "HK"), ("Czech Republic", "CZ"), ("Korea, Republic of", "KR"), ("Korea (the Democratic People's Republic of)", "KP"),
        ("Congo, Democratic Republic of the", "CD"), ("Congo (the)", "CG"), ("Tanzania, United Republic of", "TZ"), ("Bolivia", "BO"),
        ("Iran, Islamic Republic of", "IR"), ("Lao People's Democratic Republic", "LA"), ("Moldova, Republic of", "MD"), ("St. Lucia", "LC"),
        ("Saint Lucia", "LC"), ("Reunion", "RE"), ("Turkiye", "TR"), ("Turkey", "TR"), ("Deutschland", "DE"), ("Swaziland", "SZ"),
        ("Palestine, State of", "PS"), ("Venezuela (Bolivarian Republic of)", "VE"), ("Virgin Islands (U.S.)", "VI"), ("Kosovo", "XK"), ("EIRE", "IE"),
        ("RSA", "ZA"), ("  france ", "FR"),
    ],
)  # fmt: skip
def test_country_by_code_and_name(name, code):
    assert find_country(name) == code


@pytest.mark.parametrize(
    "name",
    [
        "EU", "ZZ", "XX", "European Union", "European Community", "Channel Islands", "Unspecified", "Atlantis", "World", "Africa", "SUN", "", " ",
        "the", "Yugoslavia", "QO", "UN",
    ],
)  # fmt: skip
def test_what_is_no_country_has_no_code(name):
    assert find_country(name) is None
    assert not is_country(name)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_country_is_found_by_its_name_in_the_languages_of_the_pages(language):
    names = {code: name for code, name in Locale(language).territories.items() if is_country(str(code))}

    assert {code: find_country(str(name)) for code, name in names.items()} == {code: code for code in names}
    assert len(names) == 250
