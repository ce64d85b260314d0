"""Places, as the gazetteer geonames.org has them."""

import random
from collections.abc import Iterator
from typing import Any

# Country: (share, latitude, longitude, timezone); a place is within some five degrees of there.
_COUNTRIES = {
    "US": (20, 39.5, -98.4, "America/Chicago"),
    "CN": (8, 35.0, 103.0, "Asia/Shanghai"),
    "IN": (6, 21.0, 78.0, "Asia/Kolkata"),
    "NO": (6, 61.2, 8.7, "Europe/Oslo"),
    "MX": (5, 23.6, -102.5, "America/Mexico_City"),
    "FR": (4, 46.6, 2.2, "Europe/Paris"),
    "DE": (4, 51.1, 10.4, "Europe/Berlin"),
    "BR": (4, -10.3, -52.0, "America/Sao_Paulo"),
    "AT": (3, 47.5, 14.5, "Europe/Vienna"),
    "JP": (3, 36.2, 138.2, "Asia/Tokyo"),
    "AU": (2, -25.3, 133.8, "Australia/Darwin"),
    "KE": (1, 0.2, 37.9, "Africa/Nairobi"),
}
_CODES, _SHARES = tuple(_COUNTRIES), tuple(share for share, *_ in _COUNTRIES.values())

# Class and code of a feature, with words that names of such places have.
_FEATURES = (
    ("P", "PPL", ("Sankt", "Nieder", "Ober", "Villa", "Old", "New", "San", "Bad")),
    ("S", "FRM", ("Hof", "Farm", "Hacienda", "Station", "Rancho")),
    ("H", "STM", ("Creek", "River", "Brook", "Rio", "Bach")),
    ("T", "HLL", ("Mount", "Hill", "Berg", "Monte", "Cerro")),
    ("S", "HTL", ("Hotel", "Inn", "Lodge", "Gasthof")),
    ("L", "PRK", ("Park", "Reserve", "Forest", "Garten")),
)
_STEMS = (
    "Georgen", "Pölten", "Aurora", "Clara", "Stein", "Lindau", "Miguel", "Franklin", "Salem", "Åsgård", "Fukui", "Nyeri",
    "Jaipur", "Lourdes", "Santos", "Greenwood", "Kirchberg", "Marengo", "Oaxaca", "Tvedt", "Xinyi", "Yarra", "Weiler", "Dorado",
)  # fmt: skip
_EDGE = "0123456789"


def places(rng: random.Random, size: int) -> Iterator[dict[str, Any]]:
    """``size`` places, each with a ``geonameid`` of its own."""
    geonameid = 2986043
    for _ in range(size):
        geonameid += rng.randint(1, 7)
        country = rng.choices(_CODES, _SHARES)[0]
        _, latitude, longitude, timezone = _COUNTRIES[country]
        feature_class, feature_code, words = rng.choice(_FEATURES)
        name = f"{rng.choice(words)} {rng.choice(_STEMS)}"
        other = f"{rng.choice(words)} {rng.choice(_STEMS)}"
        yield {
            "geonameid": geonameid,
            "name": name,
            "asciiname": name.encode("ascii", "replace").decode(),
            "alternatenames": f"{name},{other},{rng.choice(_STEMS)}",
            "feature_class": feature_class,
            "feature_code": feature_code,
            "country_code": country,
            "admin1_code": f"{rng.randint(1, 50):02d}",
            "admin2_code": "".join(rng.choices(_EDGE, k=3)),
            "admin3_code": "".join(rng.choices(_EDGE, k=5)),
            # Most places have no inhabitants, and few have many.
            "population": int(rng.paretovariate(0.8) * 100) % 20_000_000 if rng.random() < 0.3 else 0,
            "dem": str(rng.randint(-5, 3200)),
            "timezone": timezone,
            "location": [round(longitude + rng.gauss(0, 2.5), 5), round(latitude + rng.gauss(0, 2.5), 5)],
        }
