/* Registers of the RTL8139, by the names of Realtek's data sheet, chapters 5 and 6. */
#ifndef DRIVERS_RTL8139_RTL8139_REGS_H
#define DRIVERS_RTL8139_RTL8139_REGS_H

#define RTL8139_IDR 0x00u	/* six bytes of MAC */
#define RTL8139_TSD 0x10u	/* four, of 4 bytes each */
#define RTL8139_TSAD 0x20u	/* four */
#define RTL8139_RBSTART 0x30u
#define RTL8139_CR 0x37u	/* 8 bits */
#define RTL8139_CAPR 0x38u	/* 16 bits: how far it was read, less 16 */
#define RTL8139_IMR 0x3cu	/* 16 bits */
#define RTL8139_ISR 0x3eu	/* 16 bits: written to clear */
#define RTL8139_TCR 0x40u
#define RTL8139_RCR 0x44u
#define RTL8139_MPC 0x4cu	/* frames missed, written to clear */
#define RTL8139_CONFIG1 0x52u	/* 8 bits */
#define RTL8139_MSR 0x58u	/* 8 bits */

#define RTL8139_CR_BUFE (1u << 0)	/* the receive ring is empty */
#define RTL8139_CR_TE (1u << 2)
#define RTL8139_CR_RE (1u << 3)
#define RTL8139_CR_RST (1u << 4)

#define RTL8139_TSD_OWN (1u << 13)	/* the card has fetched it */
#define RTL8139_TSD_TOK (1u << 15)
#define RTL8139_TSD_LEN 0x1fffu

#define RTL8139_INT_ROK (1u << 0)
#define RTL8139_INT_RER (1u << 1)
#define RTL8139_INT_TOK (1u << 2)
#define RTL8139_INT_TER (1u << 3)
#define RTL8139_INT_RXOVW (1u << 4)
#define RTL8139_INT_LINK (1u << 5)
#define RTL8139_INT_FOVW (1u << 6)

#define RTL8139_RCR_APM (1u << 1)	/* frames to us */
#define RTL8139_RCR_AB (1u << 3)	/* to all */
#define RTL8139_RCR_WRAP (1u << 7)	/* a frame goes on behind the ring's end */
#define RTL8139_RCR_MXDMA (7u << 8)
#define RTL8139_RCR_64K (3u << 11)
#define RTL8139_RCR_NO_THRESHOLD (7u << 13)
#define RTL8139_TCR_MXDMA (7u << 8)
#define RTL8139_TCR_IFG (3u << 24)
#define RTL8139_MSR_LINKB (1u << 2)	/* no link */

/* In front of each received frame: status, and length with the FCS */
#define RTL8139_RX_ROK (1u << 0)

#endif
