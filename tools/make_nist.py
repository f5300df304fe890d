#!/usr/bin/env python3
"""Make Tests/Fixtures/nist.h5: the univariate data sets of NIST's Statistical Reference Datasets (StRD).

Source: https://www.itl.nist.gov/div898/strd/ (National Institute of Standards and Technology; works of the U.S. government,
public domain). PiDigits and NumAcc1 to 4 are generated from their definitions. `verify` compares mean, standard deviation and
lag-1 autocorrelation, which depends on the order, of every set with the certified values before anything is written.

One group for each set holds `activations` float64 [n, 1] and the attributes certified_mean and certified_standard_deviation
(decimal strings; the standard deviation divides by n - 1), and exact_mean and exact_variance: the mean and the biased variance
of the stored doubles in rational arithmetic, rounded once. `batch_size` is n.
"""

from __future__ import annotations

import pathlib
from fractions import Fraction

import h5py
import mpmath
import numpy as np
from bn_stream.hdf5_layers import SMALL, put, set_attributes
from made_files import FIXTURES, versions

LEW = """
-213 -564 -35 -15 141 115 -420 -360 203 -338 -431 194 -220 -513 154 -125 -559 92 -21 -579 -52 99 -543 -175
162 -457 -346 204 -300 -474 164 -107 -572 -8 83 -541 -224 180 -420 -374 201 -236 -531 83 27 -564 -112 131
-507 -254 199 -311 -495 143 -46 -579 -90 136 -472 -338 202 -287 -477 169 -124 -568 17 48 -568 -135 162 -430
-422 172 -74 -577 -13 92 -534 -243 194 -355 -465 156 -81 -578 -64 139 -449 -384 193 -198 -538 110 -44 -577
-6 66 -552 -164 161 -460 -344 205 -281 -504 134 -28 -576 -118 156 -437 -381 200 -220 -540 83 11 -568 -160
172 -414 -408 188 -125 -572 -32 139 -492 -321 205 -262 -504 142 -83 -574 0 48 -571 -106 137 -501 -266 190
-391 -406 194 -186 -553 83 -13 -577 -49 103 -515 -280 201 300 -506 131 -45 -578 -80 138 -462 -361 201 -211
-554 32 74 -533 -235 187 -372 -442 182 -147 -566 25 68 -535 -244 194 -351 -463 174 -125 -570 15 72 -550
-190 172 -424 -385 198 -218 -536 96
"""

LOTTERY = """
162 671 933 414 788 730 817 33 536 875 670 236 473 167 877 980 316 950 456 92 517 557 956 954 104 178 794 278
147 773 437 435 502 610 582 780 689 562 964 791 28 97 848 281 858 538 660 972 671 613 867 448 738 966 139 636
847 659 754 243 122 455 195 968 793 59 730 361 574 522 97 762 431 158 429 414 22 629 788 999 187 215 810 782
47 34 108 986 25 644 829 630 315 567 919 331 207 412 242 607 668 944 749 168 864 442 533 805 372 63 458 777
416 340 436 140 919 350 510 572 905 900 85 389 473 758 444 169 625 692 140 897 672 288 312 860 724 226 884 508
976 741 476 417 831 15 318 432 241 114 799 955 833 358 935 146 630 830 440 642 356 373 271 715 367 393 190 669
8 861 108 795 269 590 326 866 64 523 862 840 219 382 998 4 628 305 747 247 34 747 729 645 856 974 24 568 24
694 608 480 410 729 947 293 53 930 223 203 677 227 62 455 387 318 562 242 428 968
"""

MAVRO = """
2.00180 2.00170 2.00180 2.00190 2.00180 2.00170 2.00150 2.00140 2.00150 2.00150 2.00170 2.00180 2.00180 2.00190
2.00190 2.00210 2.00200 2.00160 2.00140 2.00130 2.00130 2.00150 2.00150 2.00160 2.00150 2.00140 2.00130 2.00140
2.00150 2.00140 2.00150 2.00160 2.00150 2.00160 2.00190 2.00200 2.00200 2.00210 2.00220 2.00230 2.00240 2.00250
2.00270 2.00260 2.00260 2.00260 2.00270 2.00260 2.00250 2.00240
"""

MICHELSO = """
299.85 299.74 299.90 300.07 299.93 299.85 299.95 299.98 299.98 299.88 300.00 299.98 299.93 299.65 299.76 299.81
300.00 300.00 299.96 299.96 299.96 299.94 299.96 299.94 299.88 299.80 299.85 299.88 299.90 299.84 299.83 299.79
299.81 299.88 299.88 299.83 299.80 299.79 299.76 299.80 299.88 299.88 299.88 299.86 299.72 299.72 299.62 299.86
299.97 299.95 299.88 299.91 299.85 299.87 299.84 299.84 299.85 299.84 299.84 299.84 299.89 299.81 299.81 299.82
299.80 299.77 299.76 299.74 299.75 299.76 299.91 299.92 299.89 299.86 299.88 299.72 299.84 299.85 299.85 299.78
299.89 299.84 299.78 299.81 299.76 299.81 299.79 299.81 299.82 299.85 299.87 299.87 299.81 299.74 299.81 299.94
299.95 299.80 299.81 299.87
"""


def pi_digits(count: int) -> list[str]:
    """The first digits of pi, as NIST has them: one differs from pi, and the certified values hold with the slip."""
    with mpmath.workdps(count + 20):
        digits = list(mpmath.nstr(mpmath.pi, count + 10).replace(".", "")[:count])
    digits[956] = "3"  # pi has an 8
    return digits


def alternating(first: str, low: str, high: str) -> list[str]:
    """The NumAcc sets: one value, then 500 pairs around it."""
    return [first] + [low, high] * 500


# name: decimal values, certified mean, standard deviation and lag-1 autocorrelation
SETS: dict[str, tuple[list[str], str, str, str]] = {
    "PiDigits": (pi_digits(5000), "4.53480000000000", "2.86733906028871", "-0.00355099287237972"),
    "Lottery": (LOTTERY.split(), "518.958715596330", "291.699727470969", "-0.120948622967393"),
    "Lew": (LEW.split(), "-177.435000000000", "277.332168044316", "-0.307304800605679"),
    "Mavro": (MAVRO.split(), "2.00185600000000", "0.000429123454003053", "0.937989183438248"),
    "Michelso": (MICHELSO.split(), "299.852400000000", "0.0790105478190518", "0.535199668621283"),
    "NumAcc1": (["10000001", "10000003", "10000002"], "10000002", "1", "-0.5"),
    "NumAcc2": (alternating("1.2", "1.1", "1.3"), "1.2", "0.1", "-0.999"),
    "NumAcc3": (alternating("1000000.2", "1000000.1", "1000000.3"), "1000000.2", "0.1", "-0.999"),
    "NumAcc4": (alternating("10000000.2", "10000000.1", "10000000.3"), "10000000.2", "0.1", "-0.999"),
}


def moments(values: list[Fraction]) -> tuple[Fraction, Fraction]:
    """Mean and biased variance, exactly."""
    mean = sum(values, Fraction()) / len(values)
    return mean, sum(((value - mean) ** 2 for value in values), Fraction()) / len(values)


def verify(name: str, texts: list[str], mean: str, deviation: str, autocorrelation: str) -> None:
    """Raise unless the decimal values, taken exactly, have the certified statistics to all their digits."""
    values = [Fraction(text) for text in texts]
    exact_mean, variance = moments(values)
    centred = [value - exact_mean for value in values]
    lag = sum((a * b for a, b in zip(centred[:-1], centred[1:])), Fraction()) / (variance * len(values))
    with mpmath.workdps(40):
        root = mpmath.sqrt(mpmath.mpf(variance.numerator) / variance.denominator * len(values) / (len(values) - 1))
        for what, mine, certified in (("mean", mpmath.mpf(exact_mean.numerator) / exact_mean.denominator, mean),
                                      ("deviation", root, deviation),
                                      ("autocorrelation", mpmath.mpf(lag.numerator) / lag.denominator, autocorrelation)):
            if abs(mine - mpmath.mpf(certified)) > abs(mpmath.mpf(certified)) * mpmath.mpf("6e-15"):
                raise AssertionError(f"{name}: {what} {mine} is not the certified {certified}")


def write(path: pathlib.Path) -> None:
    with h5py.File(path, "w", libver=SMALL) as file:
        source = "NIST Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd/, public domain"
        made_by = f"bn-stream tools/make_nist.py, {versions(h5py)}"
        set_attributes(file, {"source": np.bytes_(source), "made_by": np.bytes_(made_by)})
        for name, (texts, *certified) in SETS.items():
            verify(name, texts, *certified)
            values = np.array([float(text) for text in texts])
            mean, variance = map(float, moments([Fraction(value) for value in values.tolist()]))
            group = file.create_group(name)
            put(group, "activations", values[:, None])
            set_attributes(group, {
                "batch_size": np.int64(len(values)), "certified_mean": np.bytes_(certified[0]),
                "certified_standard_deviation": np.bytes_(certified[1]), "exact_mean": mean, "exact_variance": variance})
            print(f"{name:9} n {len(values):5}  mean {mean!r:20}  variance {variance!r}")


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / "nist.h5"
    write(path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
