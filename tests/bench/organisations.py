#!/usr/bin/env python3
"""organisations.py [--small] [--json] [--keep FOLDER]

SA table organisations and storage architectures, on one and the same workload: the table of sa_table/README.md.
Makes a recording and captures (seeded, the same bytes on every machine), simulates every combination with
$ESPNIC (build/espnic), and prints a table in Markdown, or with --json a list of objects.

Capacity: inbound SAs are asked for until one is refused; how many went before is found by halving, from runs of
recordings cut short, so that no counter of the card is believed.
Workload: a gateway with as many places as are needed for all SAs (a place for each slot of the look-up memories),
15/16 of them taken by tunnels that carry traffic both ways (frames of 78, 590 and 1414 bytes, 7:4:1, tunnels at
random), the others come and go all the time. What the card refuses lives in software.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ESPNIC = os.environ.get("ESPNIC", "build/espnic")
SMALL = "--small" in sys.argv
SLOTS = 256 if SMALL else 1024
PACKETS = 3000 if SMALL else 24000  # each way
BASE = SLOTS * 15 // 16             # tunnels with traffic
EPOCH = 10**18                      # ns: t = 0 of the recording
ADD_EVERY, CHURN_EVERY = 12_000, 20_000  # ns
START = (BASE + 20) * ADD_EVERY     # ns: traffic begins
GBPS = 20                           # each way
MAC = bytes.fromhex("020000000001020000000002")

ORGANISATIONS = [
    ("cam", ["organisation=cam"]),
    ("cuckoo, stash", ["organisation=cuckoo", "choices=2", "ways=4", "search=256", "stash=8"]),
    ("hash, d-left", ["organisation=hash", "choices=2", "ways=4"]),
    ("direct", ["organisation=direct"]),
]
STORAGES = [  # name, settings, contexts on the chip
    ("on-chip", ["card.sa.storage=on-chip"], 2 * SLOTS),
    ("card-cache", ["card.sa.storage=card-cache"], SLOTS // 4),
    ("host-cache", ["card.sa.storage=host-cache"], SLOTS // 4),
    ("descriptor", ["card.command.path=descriptor", "card.command.inbound=true"], SLOTS),
]
CARD = [
    "card.offload=crypto", "card.capabilities.ah_esp=false", "card.capabilities.transport_tunnel=false",
    "card.sa.table.per_direction=true", f"card.sa.table.capacity_in={SLOTS}", f"card.sa.table.capacity_out={SLOTS}",
    "card.sa.context=256B", "card.capabilities.window_max=1024",
    f"card.sa.cache.sets={SLOTS // 64}", "card.sa.cache.ways=16",
    "host.cores=4", "workload.timing_only=true",
]


# ---- inputs -------------------------------------------------------------------------------------------

class Tunnel:
    def __init__(self, number, spi):
        self.number, self.spi = number, spi
        self.key = f"{number:08x}{spi:08x}" * 2 + f"{number:08x}"

    def address(self, first):
        return f"{first}.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}"

    def node(self, inbound):
        ends = ("198.51.100.2", "198.51.100.1") if inbound else ("198.51.100.1", "198.51.100.2")
        node = {"handle": 2 * self.number + (2 if inbound else 1), "dir": "in" if inbound else "out",
                "src": ends[0], "dst": ends[1], "mode": "tunnel", "pair": 2 * self.number + (1 if inbound else 2),
                "sa": [{"op": "esp", "spi": self.spi, "enc": {"alg": "aes-gcm-128", "key": self.key}}]}
        if not inbound:
            node["sel"] = {"dst": self.address(11) + "/32"}
        return node


def tunnels(count):
    """With SPIs at random, as a key daemon draws them."""
    rng, used, made = random.Random(7), set(), []
    while len(made) < count:
        spi = rng.randrange(256, 1 << 32)
        if spi not in used:
            used.add(spi)
            made.append(Tunnel(len(made), spi))
    return made


def write_recording(path, records):
    with open(path, "w") as f:
        print(json.dumps({"recording": 1, "epoch_ns": hex(EPOCH)}), file=f)
        for r in records:
            print(json.dumps(r), file=f)


def add(t, ns, directions=(False, True)):
    return {"t_ns": ns, "oid": "ADD_SA", "nodes": [t.node(d) for d in directions]}


def workload_records(all_tunnels, until):
    """The base one after the other; from START on one more every CHURN_EVERY, and the oldest of them goes."""
    records = [add(t, (i + 1) * ADD_EVERY) for i, t in enumerate(all_tunnels[:BASE])]
    more = all_tunnels[BASE:]
    room = SLOTS - BASE
    for i, t in enumerate(more):
        ns = START + i * CHURN_EVERY
        if ns > until:
            break
        if i >= room:
            old = more[i - room].number
            records.append({"t_ns": ns - CHURN_EVERY // 2, "oid": "DELETE_SA", "handles": [2 * old + 1, 2 * old + 2]})
        records.append(add(t, ns))
    return records


def clear_frame(t, length, to_remote):
    src, dst = (t.address(10), t.address(11)) if to_remote else (t.address(11), t.address(10))
    total = length - 14
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 17, 0,
                     bytes(map(int, src.split("."))), bytes(map(int, dst.split("."))))
    sum_ = sum(struct.unpack(">10H", ip))
    sum_ = (sum_ & 0xffff) + (sum_ >> 16)
    sum_ = (sum_ & 0xffff) + (sum_ >> 16)
    ip = ip[:10] + struct.pack(">H", ~sum_ & 0xffff) + ip[12:]
    udp = struct.pack(">HHHH", 5000, 6000, total - 20, 0)
    return MAC + b"\x08\x00" + ip + udp + bytes(total - 28)


def write_pcap(path, frames):
    """At GBPS from START on; returns when the last one begins."""
    ns = EPOCH + START
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)
            ns += (len(frame) + 24) * 8 // GBPS
    return ns - EPOCH


def read_pcap(path):
    data = open(path, "rb").read()
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack("<I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def make_inputs(folder):
    base = tunnels(4 * SLOTS)
    rng = random.Random(1)
    pick = lambda: (base[rng.randrange(BASE)], rng.choices((78, 590, 1414), (7, 4, 1))[0])
    until = write_pcap(f"{folder}/tx.pcap", [clear_frame(*pick(), True) for _ in range(PACKETS)])
    # The peer's ESP: a card without limits makes it of clear packets.
    write_pcap(f"{folder}/peer.pcap", [clear_frame(*pick(), False) for _ in range(PACKETS)])
    peer = []
    for t in base[:BASE]:
        node = t.node(True)
        node.update({"dir": "out", "sel": {"dst": t.address(10) + "/32"}})
        del node["pair"]
        peer.append({"t_ns": 0, "oid": "ADD_SA", "nodes": [node]})
    write_recording(f"{folder}/peer.jsonl", peer)
    run(["--oids", f"{folder}/peer.jsonl", "--tx", f"{folder}/peer.pcap", "--preload",
         "--tx-out", f"{folder}/esp.pcap"])
    esp = read_pcap(f"{folder}/esp.pcap")
    assert len(esp) == PACKETS, "the peer lost packets"
    until = max(until, write_pcap(f"{folder}/rx.pcap", esp))
    write_recording(f"{folder}/oids.jsonl", workload_records(base, until))
    write_recording(f"{folder}/base.jsonl", [add(t, 0) for t in base[:BASE]])
    return base


# ---- runs -----------------------------------------------------------------------------------------------

def run(arguments):
    command = [ESPNIC, "run", "--preset", "generic-100g", "--experiments", "0", "-o", "-"] + arguments
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def settings(*lists):
    return [word for one in lists for s in one for word in ("--set", s)]


def of_table(organisation):
    name, words = organisation
    return ["card.sa.table." + w for w in words] + ([] if name == "cam" else [f"card.sa.table.slots={SLOTS}"])


def refusals(folder, base, organisation, count):
    write_recording(f"{folder}/fill.jsonl", [add(t, (i + 1) * ADD_EVERY, (True,)) for i, t in enumerate(base[:count])])
    report = run(["--oids", f"{folder}/fill.jsonl", "--no-preload"] + settings(CARD, of_table(organisation)))
    return report["sa"]["adds_refused"]


def taken_before_refusal(folder, base, organisation):
    low, high = 0, SLOTS + 1  # none refused of `low`, one or more of `high`
    while high - low > 1:
        middle = (low + high) // 2
        if refusals(folder, base, organisation, middle):
            high = middle
        else:
            low = middle
    return low


def wire_bytes(report):
    return sum(report["pcie"][d]["wire_bytes"] for d in ("up", "down"))


def at_most(folder, organisation, storage):
    """The same packets as fast as the card takes them, with a host that costs nothing and the base there from the start."""
    r = run(["--oids", f"{folder}/base.jsonl", "--tx", f"{folder}/tx.pcap", "--rx", f"{folder}/rx.pcap",
             "--preload", "--load", "max", "--set", "host.ideal=true"]
            + settings(CARD, of_table(organisation), storage[1]))
    return r["rx"]["gbps"] + r["tx"]["gbps"]


def measure(folder, organisation, storage):
    r = run(["--oids", f"{folder}/oids.jsonl", "--tx", f"{folder}/tx.pcap", "--rx", f"{folder}/rx.pcap",
             "--no-preload"] + settings(CARD, of_table(organisation), storage[1]))
    look = r["card"]["contexts"]
    needed = look["hits"] + look["misses"]
    return {
        "storage": storage[0], "organisation": organisation[0],
        "context_kib": storage[2] * 256 // 1024,
        "hit": look["hits"] / needed if needed else None,
        "pcie_bytes_a_packet": wire_bytes(r) / (2 * PACKETS),
        "rx_p50_us": r["rx"]["latency_ns"]["p50"] / 1000, "rx_p99_us": r["rx"]["latency_ns"]["p99"] / 1000,
        "add_p50_us": r["sa"]["add_latency_ns"]["p50"] / 1000, "add_p99_us": r["sa"]["add_latency_ns"]["p99"] / 1000,
        "add_card_us": r["oids"]["add"]["parts"]["card_ns"]["mean"] / 1000,
        "refused": r["sa"]["adds_refused"],
        "gbps": r["rx"]["gbps"] + r["tx"]["gbps"],
        "most_gbps": at_most(folder, organisation, storage),
        "loss": (r["rx"]["loss"] + r["tx"]["loss"]) / 2,
        "blocked_us": r["rx"]["blocked_us"] + r["tx"]["blocked_us"],
        "software": r["sa"]["rx_in_software"],
    }


# ---- the table ---------------------------------------------------------------------------------------------

HEADINGS = [
    ("organisation", "organisation", "{}"), ("storage", "contexts in", "{}"),
    ("load", "load at first refusal", "{:.1%}"), ("context_kib", "contexts on chip, KiB", "{}"),
    ("hit", "cache hits", "{:.0%}"), ("pcie_bytes_a_packet", "PCIe, B a packet", "{:.0f}"),
    ("rx_p50_us", "RX p50, us", "{:.2f}"), ("rx_p99_us", "p99", "{:.2f}"),
    ("add_p50_us", "ADD p50, us", "{:.2f}"), ("add_p99_us", "p99", "{:.2f}"),
    ("refused", "refused", "{}"), ("software", "RX in software", "{:.1%}"), ("gbps", "Gb/s out", "{:.2f}"),
    ("loss", "loss", "{:.2%}"), ("blocked_us", "blocked, us", "{:.1f}"), ("most_gbps", "Gb/s at most", "{:.1f}"),
]


def print_table(rows):
    print("| " + " | ".join(h for _, h, _ in HEADINGS) + " |")
    print("|" + "".join("---|" if k in ("organisation", "storage") else "--:|" for k, _, _ in HEADINGS))
    for row in rows:
        print("| " + " | ".join("-" if row[k] is None else f.format(row[k]) for k, _, f in HEADINGS) + " |")


def main():
    keep = sys.argv[sys.argv.index("--keep") + 1] if "--keep" in sys.argv else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or temporary
        base = make_inputs(folder)
        rows = []
        for organisation in ORGANISATIONS:
            taken = taken_before_refusal(folder, base, organisation)
            for storage in STORAGES:
                rows.append({"load": taken / SLOTS, "slots": SLOTS, **measure(folder, organisation, storage)})
        if "--json" in sys.argv:
            json.dump(rows, sys.stdout, indent=1)
            print()
        else:
            print_table(rows)


if __name__ == "__main__":
    main()
