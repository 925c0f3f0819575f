"""The laws of randomness.md in NumPy, written from that page.

Prints the page's checksums; with `--check` says whether they stand there, and fails if not.
"""
import re
import sys
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy import float32, float64, uint32, uint64

N, MASK, GOLDEN = 10_007, 2**64 - 1, 0x9E3779B97F4A7C15
PAGE = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
TABLE = {name: [float(a) for a in row.split(",")] for name, row in re.findall(r"^\| (f\d\d \w\d?) \| (.*\d) \|$", PAGE, re.M)}

def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31

def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & MASK
    return h

def blocks(stream, b, attempt=0):
    """The four words of each block, as rows of an array of 64-bit integers."""
    key, path, draw = stream
    key = mix(mix(key + GOLDEN & MASK) ^ fnv(path.encode()))
    low, c = uint64(0xFFFFFFFF), [b & uint64(0xFFFFFFFF), b >> uint64(32), np.full_like(b, draw), np.full_like(b, attempt)]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = c[0] * uint64(0xD2511F53), c[2] * uint64(0xCD9E8D57)
        c = [p1 >> uint64(32) ^ c[1] ^ uint64(k0), p1 & low, p0 >> uint64(32) ^ c[3] ^ uint64(k1), p0 & low]
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return np.array(c)

def words(stream, i):
    return np.choose((i % uint64(4)).astype(int), blocks(stream, i // uint64(4))).astype(uint32)

def long_words(stream, i, attempt=0):
    w = blocks(stream, i // uint64(2), attempt)
    return np.where(i % uint64(2) == 0, w[0] | w[1] << uint64(32), w[2] | w[3] << uint64(32))

def uniform(stream, i, low, high, f):
    u = (words(stream, i) >> uint32(8)).astype(f) * f(2**-24) if f is float32 else (long_words(stream, i) >> uint64(11)).astype(f) * f(2**-53)
    low, high = f(low), f(high)
    value = u * (high - low) + low
    return np.where((low < high) & (value >= high), np.nextafter(high, f(-np.inf)), value)

def horner(coefficients, x):
    value = x.dtype.type(coefficients[-1])
    for a in reversed(coefficients[:-1]):
        value = x.dtype.type(a) + x * value
    return value

def normal(stream, i, mean, std, f):
    word, B, U, I, M, S = (words, 32, uint32, np.int32, 23, 0x3F3504F3) if f is float32 else (long_words, 64, uint64, np.int64, 52, 0x3FE6A09E667F3BCD)
    log, sin, cos = (TABLE[name] for name in (("f32 Q", "f32 S", "f32 C") if f is float32 else ("f64 A", "f64 S", "f64 C")))
    even = i - i % uint64(2)
    x, y = word(stream, even), word(stream, even + uint64(1))
    o = (x.astype(f) + f(0.5)).view(U) - U(S)
    n, m = (B - (o.view(I) >> I(M))).astype(f), ((o & U(2**M - 1)) + U(S)).view(f) - f(1)
    s, ln4 = m / (f(2) + m), f(1.3862943611198906)
    r = np.sqrt(n * ln4 + ((m * m) * horner(log, m) - (m + m)) if f is float32 else n * ln4 - s * horner(log, s * s))
    a, t = y + U(2**(B - 3)), (y << U(2) | U(2)).view(I).astype(f) * f(2.0**-B)
    z = t * t
    s, c, swap = t * horner(sin, z), f(1) + z * horner(cos, z), a >> U(B - 2) & U(1) == 1
    cos = np.where(swap, s, c) * np.where(a + U(2**(B - 2)) >> U(B - 1) == 1, f(-1), f(1))
    sin = np.where(swap, c, s) * np.where(a >> U(B - 1) == 1, f(-1), f(1))
    return r * np.where(i % uint64(2) == 0, cos, sin) * f(std) + f(mean)

def to_f32(x):
    return x.astype(float32)

def to_f16(x):
    return x.astype(np.float16)

def to_bf16(x):
    """The nearest bf16 values, as f32."""
    bits = x.view(uint32)
    return (bits + uint32(0x7FFF) + (bits >> uint32(16) & uint32(1)) & uint32(0xFFFF0000)).view(float32)

def next_below(x, to):
    """The next smaller value of the type that `to` rounds to."""
    if to is not to_bf16:
        return np.nextafter(x, x.dtype.type(-np.inf))
    bits = np.where(x > 0, x.view(uint32) - uint32(0x10000), np.where(x < 0, x.view(uint32) + uint32(0x10000), uint32(0x80010000)))
    return bits.astype(uint32).view(float32)

def uniform_half(stream, i, low, high, to):
    value, low, high = to(uniform(stream, i, low, high, float32)), np.array([low], float32), np.array([high], float32)
    below = np.where(to(high) < high, to(high), next_below(to(high), to))
    return np.where((low < high) & (value >= high), below, value)

def quantile(p):
    """Q of the page."""
    q, poly = p - 0.5, lambda name, x: horner(TABLE["f64 " + name], x)
    r = 0.180625 - q * q
    central = q * poly("N1", r) / poly("D1", r)
    m, e = np.frexp(np.where(p < 0.5, p, 1 - p))  # m in [½, 1)
    low = m < np.array(0x3FE6A09E667F3BCD).view(float64)
    m, e = np.where(low, 2 * m, m), np.where(low, e - 1, e)
    s = (m - 1) / (2 + (m - 1))
    r = np.sqrt(0.5 * ((-e).astype(float64) * 1.3862943611198906 - s * poly("A", s * s)))
    z = np.where(r <= 5, poly("N2", r - 1.6) / poly("D2", r - 1.6), poly("N3", r - 5) / poly("D3", r - 5))
    return np.where(abs(q) <= 0.425, central, np.where(p < 0.5, -z, z))

def bisect(i, j, goes_up):
    """The last number that goes up and the first that does not, between those two."""
    i, j = (int(np.float64(x).view(uint64)) for x in (i, j))
    while j - i > 1:
        k = (i + j) // 2
        i, j = (k, j) if goes_up(quantile(np.array([k], uint64).view(float64))[0]) else (i, k)
    return np.array([i, j], uint64).view(float64)

def at_most(x, to):
    """The largest value not above x of the type that `to` rounds to; None is f64."""
    if to is None:
        return x
    value = to(np.array([x], float32))
    return float((value if float(value[0]) <= x else next_below(value, to))[0])

def truncated(stream, i, mean, std, low, high, to=None):
    a, b, l, h = (low - mean) / std, (high - mean) / std, -at_most(-low, to), at_most(high, to)
    if a >= 0:
        a, b, std = -b, -a, -std
    smallest = 2.0**-1022
    first = bisect(np.nextafter(smallest, 0), 1 - 2.0**-53, lambda z: not z >= a)[1]
    last = bisect(smallest, 1.0, lambda z: z <= b)[0]
    u = ((long_words(stream, i) >> uint64(12)).astype(float64) + 0.5) * 2.0**-52
    v = quantile(np.minimum(u * (last - first) + first, last)) * std + mean
    v = np.where(v > l, v, l)
    v = np.where(v < h, v, h)
    return v if to is None else to(v.astype(float32))

def categorical(stream, i, weights):
    c = np.array(list(accumulate(weights)))
    u = (long_words(stream, i) >> uint64(11)).astype(float64) * 2.0**-53
    return np.minimum((c[None, :] <= (u * c[-1])[:, None]).sum(axis=1), np.argmax(c == c[-1]))

def below(stream, i, n):
    i, result, attempt = np.asarray(i, uint64), np.zeros(len(i), object), 0
    n, left = np.broadcast_to(np.asarray(n, object), len(i)), np.arange(len(i))
    while len(left):
        product = long_words(stream, i[left], attempt).astype(object) * n[left]
        result[left] = product >> 64
        left, attempt = left[(product & MASK < 2**64 % n[left]).astype(bool)], attempt + 1
    return result

def bernoulli(stream, i, p, value):
    return np.where(words(stream, i) * 2.0**-32 < p, float32(value), float32(0))

def permutation(stream, n):
    order, js = list(range(n)), below(stream, range(n), np.arange(1, n + 1))
    for i in range(n - 1, 0, -1):
        order[i], order[js[i]] = order[js[i]], order[i]
    return order

def bf16_bytes(x):
    return (x.view(uint32) >> uint32(16)).astype("<u2").tobytes()

CUT = 0.1, 0.7, -1.3, 1.5
LAWS = {
    "uniform f32 [-0.3, 1.1)": lambda s, i: uniform(s, i, -0.3, 1.1, float32).tobytes(),
    "uniform f64 [-0.3, 1.1)": lambda s, i: uniform(s, i, -0.3, 1.1, float64).tobytes(),
    "uniform f16 [-0.3, 1.1)": lambda s, i: uniform_half(s, i, -0.3, 1.1, to_f16).tobytes(),
    "uniform bf16 [-0.3, 1.1)": lambda s, i: bf16_bytes(uniform_half(s, i, -0.3, 1.1, to_bf16)),
    "normal f32 mean 0.1, std 0.7": lambda s, i: normal(s, i, 0.1, 0.7, float32).tobytes(),
    "normal f64 mean 0.1, std 0.7": lambda s, i: normal(s, i, 0.1, 0.7, float64).tobytes(),
    "normal f16 mean 0.1, std 0.7": lambda s, i: to_f16(normal(s, i, 0.1, 0.7, float32)).tobytes(),
    "normal bf16 mean 0.1, std 0.7": lambda s, i: bf16_bytes(to_bf16(normal(s, i, 0.1, 0.7, float32))),
    "normal f64 mean 0.1, std 0.7 in [-1.3, 1.5]": lambda s, i: truncated(s, i, *CUT).tobytes(),
    "normal f32 mean 0.1, std 0.7 in [-1.3, 1.5]": lambda s, i: truncated(s, i, *CUT, to_f32).tobytes(),
    "normal f16 mean 0.1, std 0.7 in [-1.3, 1.5]": lambda s, i: truncated(s, i, *CUT, to_f16).tobytes(),
    "normal bf16 mean 0.1, std 0.7 in [-1.3, 1.5]": lambda s, i: bf16_bytes(truncated(s, i, *CUT, to_bf16)),
    "normal f64 mean 0.1, std 0.7 in [5, ∞)": lambda s, i: truncated(s, i, 0.1, 0.7, 5.0, np.inf).tobytes(),
    "u64 below 10": lambda s, i: below(s, i, 10).astype("<u8").tobytes(),
    "u64 below 2⁶³ + 1": lambda s, i: below(s, i, 2**63 + 1).astype("<u8").tobytes(),
    "i64 in [-5, 12)": lambda s, i: (below(s, i, 17) - 5).astype("<i8").tobytes(),
    "Bernoulli f32 p 0.3, value 2.5": lambda s, i: bernoulli(s, i, 0.3, 2.5).tobytes(),
    "categorical i64 weights 0, 1, 0.1, 0, 2.5, 0": lambda s, i: categorical(s, i, [0.0, 1.0, 0.1, 0.0, 2.5, 0.0]).astype("<i8").tobytes(),
    "permutation of 10007 (u64)": lambda s, i: np.array(permutation(s, N), "<u8").tobytes(),
}
PLACES = [((0, "", 0), 0), ((7, "fc.weight", 0), 1), ((2**64 - 1, "größe/0.weight", 3), 2**34 - 5)]

def checksums():
    yield "| law | " + " | ".join(f"key {key}, path {path or '(empty)'}, draw {draw}, start {start}" for (key, path, draw), start in PLACES) + " |"
    yield "| --- |" + " --- |" * len(PLACES)
    for name, law in LAWS.items():
        hashes = [fnv(law(stream, np.arange(N, dtype=uint64) + uint64(start))) for stream, start in PLACES]
        yield f"| {name} | " + " | ".join(f"{h:016X}" for h in hashes) + " |"
    counted = words((mix(7), "dropout0", 1), np.arange(4, dtype=uint64))  # key number 0, draw 1
    yield "\nAfter `seed(7)`, draw number 1 of the name `dropout0` starts with the words " + " ".join(f"{w:08X}" for w in counted) + "."

if __name__ == "__main__":
    found = "\n".join(checksums())
    if "--check" not in sys.argv:
        print(found)
    elif PAGE.endswith("\n\n" + found + "\n"):
        print(f"{len(LAWS)} laws at {len(PLACES)} places, and the counted draw, are those of the page")
    else:
        sys.exit("these stand not so on the page:\n" + "\n".join(line for line in found.split("\n") if line not in PAGE.split("\n")))
