/* Why a packet or a request was dropped: one reason, one counter, one test that provokes it.
 *
 * A reason is named module_what.  DROP_NOT (0) means "not dropped".  The text is what a person
 * reads in the summary and on a graph. */
#ifndef BASE_DROP_H
#define BASE_DROP_H

#define DROP_REASONS(X) \
	/* devices and memory */ \
	X(POOL_EMPTY, "no free frame") \
	X(DEV_TX_FULL, "device's transmit ring full") \
	X(DEV_TX_OVERSIZE, "larger than the device's MTU") \
	/* link */ \
	X(LINK_SHORT, "frame shorter than an Ethernet header") \
	X(LINK_NOT_OURS, "Ethernet address is not ours") \
	X(LINK_SRC_GROUP, "Ethernet source is a group address") \
	X(LINK_TYPE, "EtherType not spoken") \
	X(ARP_SHORT, "ARP packet too short") \
	X(ARP_FORMAT, "ARP hardware, protocol or length field wrong") \
	X(ARP_OP, "ARP operation unknown") \
	X(ARP_SENDER, "ARP sender address impossible") \
	X(ARP_NOT_OURS, "ARP request for somebody else") \
	X(ARP_UNSOLICITED, "ARP answer that nobody asked for") \
	X(ARP_CONFLICT, "somebody else claims our address") \
	X(NEIGH_QUEUE, "neighbour's queue full while resolving") \
	X(NEIGH_FULL, "neighbour cache full of entries in use") \
	X(NEIGH_UNREACHABLE, "neighbour did not answer") \
	/* ip */ \
	X(IP_SHORT, "IPv4 packet shorter than its header") \
	X(IP_VERSION, "IP version is not 4") \
	X(IP_HEADER_LEN, "IPv4 header length field wrong") \
	X(IP_TOTAL_LEN, "IPv4 total length field wrong") \
	X(IP_CSUM, "IPv4 header checksum wrong") \
	X(IP_SRC, "IPv4 source address impossible") \
	X(IP_DST, "IPv4 destination address impossible") \
	X(IP_NOT_OURS, "IPv4 destination is not ours") \
	X(IP_OPTION, "IPv4 option malformed") \
	X(IP_SOURCE_ROUTE, "IPv4 source route refused") \
	X(IP_PROTO, "IP protocol not spoken") \
	X(IP_NO_ROUTE, "no route to destination") \
	X(IP_DF, "needs fragmenting but must not be") \
	X(IP_LOOP_FULL, "queue of packets to ourselves full") \
	X(FRAG_SHORT, "fragment of no or odd length") \
	X(FRAG_OVERSIZE, "fragments beyond 65535 bytes") \
	X(FRAG_DUP, "fragment received before") \
	X(FRAG_OVERLAP, "fragments overlap") \
	X(FRAG_TOO_MANY, "too many fragments of one datagram") \
	X(FRAG_TABLE, "reassembly table full") \
	X(FRAG_TIMEOUT, "reassembly timed out") \
	X(ICMP_SHORT, "ICMP message too short") \
	X(ICMP_CSUM, "ICMP checksum wrong") \
	X(ICMP_TYPE, "ICMP type not handled") \
	X(ICMP_REFUSED, "ICMP redirect or source quench refused") \
	X(ICMP_BCAST, "ICMP echo to a broadcast or multicast address") \
	X(ICMP_RATE, "ICMP error suppressed by rate limit") \
	X(ICMP_ABOUT, "ICMP error about nothing we sent") \
	X(IGMP_SHORT, "IGMP message too short") \
	X(IGMP_CSUM, "IGMP checksum wrong") \
	X(IGMP_TYPE, "IGMP message that is no query") \
	/* udp */ \
	X(UDP_SHORT, "UDP datagram shorter than its header") \
	X(UDP_LEN, "UDP length field wrong") \
	X(UDP_FILTER, "a socket's filter did not want it") \
	X(UDP_CSUM, "UDP checksum wrong") \
	X(UDP_PORT_ZERO, "UDP destination port 0") \
	X(UDP_NO_PORT, "UDP port not bound") \
	X(UDP_RCVBUF, "UDP receive buffer full") \
	/* dhcp */ \
	X(DHCP_SHORT, "DHCP message too short") \
	X(DHCP_OPTION, "DHCP message malformed, or it grants what cannot be") \
	X(DHCP_NOT_OURS, "DHCP message for somebody else") \
	X(DHCP_STATE, "DHCP answer to nothing that was asked") \
	/* tcp */ \
	X(TCP_SHORT, "TCP segment shorter than its header") \
	X(TCP_OFFSET, "TCP data offset wrong") \
	X(TCP_CSUM, "TCP checksum wrong") \
	X(TCP_OPTION, "TCP option malformed") \
	X(TCP_FLAGS, "TCP flag combination impossible") \
	X(TCP_PORT_ZERO, "TCP port 0") \
	X(TCP_BCAST, "TCP to or from a broadcast or multicast address") \
	X(TCP_NO_CONN, "TCP segment for no connection (reset sent)") \
	X(TCP_RST_NO_CONN, "TCP reset for no connection") \
	X(TCP_LISTEN_RST, "reset to a listener") \
	X(TCP_LISTEN_ACK, "ACK to a listener (reset sent)") \
	X(TCP_LISTEN_JUNK, "neither SYN, RST nor ACK to a listener") \
	X(TCP_BACKLOG, "accept queue full") \
	X(TCP_SYNQ, "queue of half-open connections full") \
	X(TCP_COOKIE, "ACK whose cookie is not ours") \
	X(TCP_HALF_OPEN, "half-open connection given up") \
	X(TCP_DEFERRED, "ACK without bytes while bytes are awaited") \
	X(TCP_CONNS, "connection table full") \
	X(TCP_PAWS, "timestamp too old (PAWS)") \
	X(TCP_NO_TS, "timestamp missing after it was agreed") \
	X(TCP_SEQ, "segment outside the window") \
	X(TCP_RST_SEQ, "reset in window but not exact (challenge ACK sent)") \
	X(TCP_RST, "reset taken") \
	X(TCP_SYN_IN_WINDOW, "SYN on a synchronized connection (challenge ACK sent)") \
	X(TCP_NO_ACK, "segment without ACK") \
	X(TCP_ACK_OLD, "acknowledges what is too old") \
	X(TCP_ACK_FUTURE, "acknowledges what was never sent") \
	X(TCP_DUP, "nothing new: all bytes already received") \
	X(TCP_DATA_AFTER_FIN, "bytes behind the peer's FIN") \
	X(TCP_DATA_AFTER_CLOSE, "bytes for a closed receiver (reset sent)") \
	X(TCP_RCVBUF, "receive buffer full") \
	X(TCP_REASS, "too many out-of-order pieces") \
	X(TCP_TIME_WAIT, "segment for TIME_WAIT") \
	X(TCP_TIMEOUT, "connection timed out")

enum drop {
	DROP_NOT,
#define X(name, text) DROP_##name,
	DROP_REASONS(X)
#undef X
	DROP_N
};

/* A segment that was fully used is freed without a reason: DROP_NOT. */
const char *drop_name(enum drop why);	/* "TCP_CSUM" */
const char *drop_text(enum drop why);	/* "TCP checksum wrong" */

#endif
