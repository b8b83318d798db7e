"""Recordings whose SAs begin near 2^31 and 2^32, and what a card with card.sa.esn events makes of them, by arithmetic.

make DIRECTORY           recordings and clear captures of two senders of one SA
join DIRECTORY LATE_US   what they sent, one after the other, with losses, as it arrives; and what is to come of it when the
                         upper half changes LATE_US after an event, and a little (less than half an interval)
check DIRECTORY REPORT   is that what came of it?
"""
import json
import random
import struct
import sys

HALF, BLOCK = 1 << 31, 1 << 32
BASE = 11 * BLOCK
FIRST = (BASE + HALF - 40, 150)  # number, packets: across the middle
SECOND = (BASE + BLOCK - 30, 150)  # across the wrap; what is between is lost
EVERY_US = 100
WINDOW = 64
KEY = "00112233445566778899aabbccddeeff01020304"


def node(handle, direction, number):
    sa = {"op": "esp", "spi": 4096, "esn": True, "seq": hex(number), "seq_hi": number >> 32,
          "enc": {"alg": "aes-gcm-128", "key": KEY}}
    if direction == "in":
        sa["replay_window"] = WINDOW
    n = {"handle": handle, "dir": direction, "src": "192.0.2.1", "dst": "192.0.2.2", "mode": "tunnel", "sa": [sa]}
    if direction == "out":
        n["sel"] = {"src": "0.0.0.0/0", "dst": "0.0.0.0/0"}
    return json.dumps({"t_ns": 0, "oid": "ADD_SA", "nodes": [n]}) + "\n"


def write_pcap(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for ns, frame in packets:
            f.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)


def read_pcap(path):
    data = open(path, "rb").read()
    nano = struct.unpack_from("<I", data)[0] == 0xA1B23C4D
    at, packets = 24, []
    while at < len(data):
        sec, part, length, _ = struct.unpack_from("<IIII", data, at)
        packets.append((sec * 10**9 + part * (1 if nano else 1000), data[at + 16:at + 16 + length]))
        at += 16 + length
    return packets


def clear(number):
    ip = bytearray(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 120, number & 0xFFFF, 0, 64, 17, 0, bytes([10, 1, 0, 1]),
                               bytes([10, 2, 0, 1])))
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into(">H", ip, 10, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    return bytes([2] * 12) + b"\x08\x00" + bytes(ip) + struct.pack(">HHHH", 1000, 2000, 100, 0) + bytes([number & 0xFF] * 92)


def make(directory):
    for name, (number, count) in (("first", FIRST), ("second", SECOND)):
        open(f"{directory}/{name}.jsonl", "w").write(node(1, "out", number))
        write_pcap(f"{directory}/{name}.pcap", [(10**9 + i * EVERY_US * 1000, clear(i)) for i in range(count)])
    open(f"{directory}/receiver.jsonl", "w").write(node(2, "in", FIRST[0] - 1))


def join(directory, late_us):
    sent = []
    for name, (number, count) in (("first", FIRST), ("second", SECOND)):
        frames = [frame for _, frame in read_pcap(f"{directory}/{name}-esp.pcap")]
        assert len(frames) == count, (name, len(frames))
        for i, frame in enumerate(frames):
            assert struct.unpack_from(">I", frame, 38)[0] == (number + i) % BLOCK
        sent += [(number + i, frame) for i, frame in enumerate(frames)]
    losses = random.Random(4)
    place = max(0, FIRST[0] - 1 - (WINDOW - 1)) // HALF
    scope, change_at, accepted, lost, events, arrived = place, None, 0, 0, 0, []
    top = FIRST[0] - 1
    for i, (number, frame) in enumerate(sent):
        if losses.random() < 0.1:
            continue
        now = i * EVERY_US
        arrived.append((10**9 + now * 1000, frame))
        if change_at is not None and now > change_at:
            scope, change_at = place, None
        if not scope * HALF <= number < scope * HALF + BLOCK:
            lost += 1
            continue
        accepted += 1
        top = max(top, number)
        if (top - WINDOW + 1) // HALF != place:
            place = (top - WINDOW + 1) // HALF
            assert change_at is None
            events += 1
            change_at = now + late_us
    write_pcap(f"{directory}/arrives.pcap", arrived)
    json.dump({"card.rx.packets_out": accepted, "card.rx.drops.bad_icv": lost, "card.events.esn": events,
               "card.events.unarmed": 0, "card.events.armed": events}, open(f"{directory}/expected", "w"))


def number_of(report, path):
    """A number of the report, wherever its groups are nested."""
    value = report
    for key in path.split("."):
        value = value[key]
    return value


def check(directory, path):
    report = json.load(open(path))
    bad = 0
    for name, expected in json.load(open(f"{directory}/expected")).items():
        found = number_of(report["results"] if "results" in report else report, name)
        print(name, "expected", expected, "found", found)
        bad += found != expected
    sys.exit(bad != 0)


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "join":
    join(sys.argv[2], int(sys.argv[3]))
else:
    check(sys.argv[2], sys.argv[3])
