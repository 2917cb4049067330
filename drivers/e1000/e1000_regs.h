/* Registers and descriptors of the 8254x family, by the names of Intel's "PCI/PCI-X Family of
 * Gigabit Ethernet Controllers Software Developer's Manual", chapters 3 and 13. */
#ifndef DRIVERS_E1000_E1000_REGS_H
#define DRIVERS_E1000_E1000_REGS_H

#include "base/types.h"

#define E1000_CTRL 0x0000u
#define E1000_STATUS 0x0008u
#define E1000_ICR 0x00c0u	/* reading clears it */
#define E1000_ITR 0x00c4u	/* least distance of interrupts, 256 ns */
#define E1000_IMS 0x00d0u
#define E1000_IMC 0x00d8u
#define E1000_RCTL 0x0100u
#define E1000_TCTL 0x0400u
#define E1000_TIPG 0x0410u
#define E1000_RDBAL 0x2800u
#define E1000_RDBAH 0x2804u
#define E1000_RDLEN 0x2808u
#define E1000_RDH 0x2810u
#define E1000_RDT 0x2818u
#define E1000_TDBAL 0x3800u
#define E1000_TDBAH 0x3804u
#define E1000_TDLEN 0x3808u
#define E1000_TDH 0x3810u
#define E1000_TDT 0x3818u
#define E1000_MPC 0x4010u	/* missed packets, reading clears it */
#define E1000_RXCSUM 0x5000u
#define E1000_MTA 0x5200u	/* 128 registers */
#define E1000_RAL 0x5400u
#define E1000_RAH 0x5404u

#define E1000_CTRL_SLU (1u << 6)
#define E1000_CTRL_RST (1u << 26)
#define E1000_STATUS_LU (1u << 1)

#define E1000_RCTL_EN (1u << 1)
#define E1000_RCTL_BAM (1u << 15)
#define E1000_RCTL_SECRC (1u << 26)
#define E1000_TCTL_EN (1u << 1)
#define E1000_TCTL_PSP (1u << 3)
#define E1000_TCTL_CT (0x0fu << 4)
#define E1000_TCTL_COLD (0x40u << 12)
#define E1000_TIPG_COPPER (10u | 8u << 10 | 6u << 20)
#define E1000_RXCSUM_ON (1u << 8 | 1u << 9)	/* IP; TCP and UDP */

#define E1000_INT_TXDW (1u << 0)
#define E1000_INT_LSC (1u << 2)
#define E1000_INT_RXDMT0 (1u << 4)
#define E1000_INT_RXO (1u << 6)
#define E1000_INT_RXT0 (1u << 7)

struct e1000_rx_desc {
	uint64_t addr;
	uint16_t len, csum;
	uint8_t status, errors;
	uint16_t special;
};

#define E1000_RX_DD (1u << 0)
#define E1000_RX_EOP (1u << 1)
#define E1000_RX_IXSM (1u << 2)	/* the checksum bits mean nothing */
#define E1000_RX_TCPCS (1u << 5)
#define E1000_RX_ERR_CSUM (1u << 5 | 1u << 6)
#define E1000_RX_ERR_FRAME (1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 7)

/* Data, or (without E1000_TX_DATA) what to do about checksums of the data that follow. */
struct e1000_tx_desc {
	uint64_t addr;		/* context: IPCSS, IPCSO, IPCSE; TUCSS, TUCSO, TUCSE */
	uint32_t cmd_len;
	uint8_t status, options;
	uint16_t special;
};

#define E1000_TX_EOP (1u << 24)
#define E1000_TX_IFCS (1u << 25)
#define E1000_TX_RS (1u << 27)	/* report status */
#define E1000_TX_DEXT (1u << 29)
#define E1000_TX_DATA (1u << 20)
#define E1000_TX_CONTEXT_TCP (1u << 24)	/* in a context: TCP, not UDP */
#define E1000_TX_TXSM (1u << 1)	/* options: insert the transport's checksum */
#define E1000_TX_DD (1u << 0)

#endif
