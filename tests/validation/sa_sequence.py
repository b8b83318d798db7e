#!/usr/bin/env python3
"""The SAs that the packets of a trace use, in order: a witness for `espnic trace mrc --accesses`.

usage: sa_sequence.py RECORDING.jsonl RX.pcap TX.pcap

Written from RECORDING.md, RFC 4303 and RFC 3948 alone, with dictionaries and lists; shares no code with espnic. Reads
classic pcap of Ethernet only. Takes every SA that the recording adds, and knows no fragments."""
import ipaddress
import json
import struct
import sys


def pcap(path):
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    nano = data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    assert struct.unpack(order + "I", data[20:24])[0] == 1, "expected Ethernet"
    at = 24
    while at < len(data):
        seconds, part, have, _ = struct.unpack(order + "IIII", data[at:at + 16])
        yield seconds * 10**9 + part * (1 if nano else 1000), data[at + 16:at + 16 + have]
        at += 16 + have


def headers(frame):
    """(version, protocol, source, destination, rest), or None if it is no IP packet."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, ip = frame[at:at + 2], frame[at + 2:]
    if kind == b"\x08\x00":
        assert struct.unpack(">H", ip[6:8])[0] & 0x3fff == 0, "fragment"
        size = struct.unpack(">H", ip[2:4])[0]
        return 4, ip[9], ip[12:16], ip[16:20], ip[(ip[0] & 15) * 4:size]
    if kind == b"\x86\xdd":
        size = 40 + struct.unpack(">H", ip[4:6])[0]
        protocol, at = ip[6], 40
        while protocol in (0, 43, 60):
            protocol, at = ip[at], at + (ip[at + 1] + 1) * 8
        assert protocol != 44, "fragment"
        return 6, protocol, ip[8:24], ip[24:40], ip[at:size]
    return None


def spi(packet):
    """("esp" or "ah", SPI, destination) of a received packet, or None."""
    if packet is None:
        return None
    _, protocol, _, destination, rest = packet
    if protocol == 17 and 4500 in struct.unpack(">HH", rest[:4]):
        rest = rest[8:]
        if len(rest) < 8 or rest[:4] == b"\0\0\0\0":
            return None  # keep-alive, IKE
        protocol = 50
    if protocol == 50:
        return "esp", struct.unpack(">I", rest[:4])[0], destination
    if protocol == 51:
        return "ah", struct.unpack(">I", rest[4:8])[0], destination
    return None


def bounds(ports):
    if ports is None:
        return 0, 65535
    low, _, high = str(ports).partition("-")
    return int(low), int(high or low)


class Selector:
    def __init__(self, node):
        sel = node.get("sel")
        if sel is None and node["mode"] == "transport":
            sel = {k: node[k] for k in ("src", "dst")}
        self.none = sel is None
        sel = sel or {}
        self.nets = [ipaddress.ip_network(sel[k]) if k in sel else None for k in ("src", "dst")]
        self.protocol = sel.get("proto")
        self.ports = [bounds(sel.get("sport")), bounds(sel.get("dport"))]
        width = sum(65535 - (high - low) for low, high in self.ports)
        self.rank = (sum(n.prefixlen for n in self.nets if n), self.protocol is not None, width)

    def takes(self, packet):
        if self.none:
            return False
        _, protocol, source, destination, rest = packet
        for net, address in zip(self.nets, (source, destination)):
            if net is not None and ipaddress.ip_address(address) not in net:
                return False
        if self.protocol not in (None, protocol):
            return False
        for (low, high), at in zip(self.ports, (0, 2)):
            if (low, high) == (0, 65535):
                continue
            if protocol not in (6, 17, 33, 132, 136):
                return False
            if not low <= struct.unpack(">H", rest[at:at + 2])[0] <= high:
                return False
        return True


def main():
    records = [json.loads(line) for line in open(sys.argv[1]) if line.strip()]
    epoch = None
    if "recording" in records[0]:
        epoch = records.pop(0).get("epoch_ns")
    packets = [(t, 0, i, f) for i, (t, f) in enumerate(pcap(sys.argv[2]))]
    packets += [(t, 1, i, f) for i, (t, f) in enumerate(pcap(sys.argv[3]))]
    packets.sort(key=lambda p: p[:3])
    epoch = packets[0][0] if epoch is None else int(str(epoch), 0)

    inbound, outbound, live = {}, [], {}
    print("t_ns,what,handle")

    def play(record):
        for node in record.get("nodes", []):
            node.setdefault("mode", "transport")
            live[node["handle"]] = node
            if node["dir"] == "in":
                for sa in node["sa"]:
                    key = sa["op"], sa["spi"], ipaddress.ip_address(node["dst"]).packed
                    assert key not in inbound
                    inbound[key] = node["handle"]
            else:
                outbound.append((Selector(node), node["handle"]))
        for handle in record.get("handles", []):
            del live[handle]
            for key in [k for k, h in inbound.items() if h == handle]:
                del inbound[key]
            outbound[:] = [(s, h) for s, h in outbound if h != handle]
            print(f"{record['t_ns']},delete,{handle}")

    for time, sent, _, frame in packets:
        t = max(time - epoch, 0)
        while records and records[0]["t_ns"] <= t:
            play(records.pop(0))
        packet = headers(frame)
        if sent:
            takers = [(s.rank, i, h) for i, (s, h) in enumerate(outbound) if packet and s.takes(packet)]
            if takers:
                print(f"{t},tx,{max(takers)[2]}")
        else:
            key = spi(packet)
            if key in inbound:
                print(f"{t},rx,{inbound[key]}")
    for record in records:
        play(record)


main()
