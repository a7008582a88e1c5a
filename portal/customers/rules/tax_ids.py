"""Tax numbers: which kind a country has, and whether one is written as that kind is; by python-stdnum, no tables, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

MAX_TAX_IDS = 5
MAX_LENGTH = 40
_EUROPEAN_UNION = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
_PLAIN = re.compile(r"[0-9A-Z][0-9A-Z ./\-]{2,38}[0-9A-Z]", re.ASCII)
_KIND = re.compile(r"[a-z]{2}_[a-z_]{2,12}", re.ASCII)


class TaxIdRefused(ValueError):
    """A number is not written as its kind is."""


@dataclass(frozen=True, slots=True)
class TaxIdKind:
    """A kind of tax number: `type` as the API names it (Stripe's names), the short name that its country uses, and what checks one:
    the modules of python-stdnum, the first that takes it; none where there is none, so that only characters and length are checked."""

    type: str
    name: str
    modules: tuple[str, ...] = ()


# Stripe's names where it has one; the rest in the same manner.
_KINDS: Mapping[str, TaxIdKind] = {
    "AR": TaxIdKind("ar_cuit", "CUIT", ("ar.cuit",)), "AU": TaxIdKind("au_abn", "ABN", ("au.abn",)),
    "BR": TaxIdKind("br_cnpj", "CNPJ", ("br.cnpj", "br.cpf")), "CA": TaxIdKind("ca_bn", "BN", ("ca.bn",)),
    "CH": TaxIdKind("ch_vat", "UID", ("ch.vat", "ch.uid")), "CL": TaxIdKind("cl_tin", "RUT", ("cl.rut",)),
    "CM": TaxIdKind("cm_niu", "NIU"), "CN": TaxIdKind("cn_tin", "USCC", ("cn.uscc",)),
    "CO": TaxIdKind("co_nit", "NIT", ("co.nit",)), "EG": TaxIdKind("eg_tin", "TIN", ("eg.tn",)),
    "GB": TaxIdKind("gb_vat", "VAT", ("gb.vat",)), "GH": TaxIdKind("gh_tin", "TIN", ("gh.tin",)),
    "GN": TaxIdKind("gn_nif", "NIFp", ("gn.nifp",)), "ID": TaxIdKind("id_npwp", "NPWP", ("id.npwp",)),
    "IL": TaxIdKind("il_vat", "HP", ("il.hp",)), "IN": TaxIdKind("in_gst", "GSTIN", ("in_.gstin",)),
    "IS": TaxIdKind("is_vat", "VSK", ("is_.vsk",)), "JP": TaxIdKind("jp_cn", "CN", ("jp.cn",)),
    "KE": TaxIdKind("ke_pin", "PIN", ("ke.pin",)), "KR": TaxIdKind("kr_brn", "BRN", ("kr.brn",)),
    "MA": TaxIdKind("ma_vat", "ICE", ("ma.ice",)), "MX": TaxIdKind("mx_rfc", "RFC", ("mx.rfc",)),
    "NO": TaxIdKind("no_vat", "MVA", ("no.mva",)), "NZ": TaxIdKind("nz_ird", "IRD", ("nz.ird",)),
    "PE": TaxIdKind("pe_ruc", "RUC", ("pe.ruc",)), "RU": TaxIdKind("ru_inn", "INN", ("ru.inn",)),
    "SG": TaxIdKind("sg_uen", "UEN", ("sg.uen",)), "SN": TaxIdKind("sn_ninea", "NINEA", ("sn.ninea",)),
    "TN": TaxIdKind("tn_mf", "MF", ("tn.mf",)), "TR": TaxIdKind("tr_vkn", "VKN", ("tr.vkn",)),
    "TW": TaxIdKind("tw_vat", "UBN", ("tw.ubn",)), "US": TaxIdKind("us_ein", "EIN", ("us.ein",)),
    "VN": TaxIdKind("vn_tin", "MST", ("vn.mst",)),
}  # fmt: skip


def tax_id_kind(country: str | None) -> TaxIdKind:
    """Return the kind of tax number of businesses in a country (ISO 3166); one that takes any number where no kind is known."""
    if country in _EUROPEAN_UNION:
        return TaxIdKind("eu_vat", "VAT", ("eu.vat",))
    if country is not None and country in _KINDS:
        return _KINDS[country]
    return TaxIdKind(f"{(country or 'xx').lower()}_tin", "TIN")


def normalise_tax_id(kind: TaxIdKind, country: str | None, text: str) -> str:
    """Return a number as its country writes it; of the European Union with the country in front. Raises TaxIdRefused."""
    compact = " ".join(text.upper().split())
    if not kind.modules:
        if not _PLAIN.fullmatch(compact):
            raise TaxIdRefused
        return compact
    if kind.type == "eu_vat":
        compact = _with_country(compact, country)
    for name in kind.modules:
        module = import_module(f"stdnum.{name}")
        if module.is_valid(compact):
            number = str(module.validate(compact))
            # A number of the European Union begins with its country, and is written without signs between.
            return number if kind.type == "eu_vat" or not hasattr(module, "format") else str(module.format(number))
    raise TaxIdRefused


def checked_tax_id(type: str, value: str) -> tuple[str, str]:
    """Return a type and a number as they are stored, of an API or a file, where the type names the country. Raises TaxIdRefused."""
    if not _KIND.fullmatch(type):
        raise TaxIdRefused
    known = next((kind for kind in _KINDS.values() if kind.type == type), None)
    if type == "eu_vat":
        return type, normalise_tax_id(tax_id_kind("DE"), None, value)
    return type, normalise_tax_id(known or TaxIdKind(type, ""), None, value)


def _with_country(number: str, country: str | None) -> str:
    prefix = {"GR": "EL"}.get(country or "", country or "")
    return number if number[:2].isalpha() else prefix + number
