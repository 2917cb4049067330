/* Error numbers of the machine's failures, returned negative: the values and meanings of Linux's
 * errno(3), so that hosted callers can pass them on unchanged. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
	E_PERM = 1, E_NOENT = 2, E_INTR = 4, E_IO = 5, E_BADF = 9, E_AGAIN = 11, E_NOMEM = 12,
	E_ACCES = 13, E_FAULT = 14, E_EXIST = 17, E_INVAL = 22, E_NFILE = 23, E_MFILE = 24,
	E_NOSPC = 28, E_PIPE = 32, E_NAMETOOLONG = 36, E_PROTO = 71, E_NOTSOCK = 88,
	E_DESTADDRREQ = 89, E_MSGSIZE = 90, E_PROTOTYPE = 91, E_NOPROTOOPT = 92,
	E_PROTONOSUPPORT = 93, E_OPNOTSUPP = 95, E_AFNOSUPPORT = 97, E_ADDRINUSE = 98,
	E_ADDRNOTAVAIL = 99,
	E_NETDOWN = 100, E_NETUNREACH = 101, E_CONNABORTED = 103, E_CONNRESET = 104,
	E_NOBUFS = 105, E_ISCONN = 106, E_NOTCONN = 107, E_TIMEDOUT = 110, E_CONNREFUSED = 111,
	E_HOSTDOWN = 112, E_HOSTUNREACH = 113, E_ALREADY = 114, E_INPROGRESS = 115,
	E_CANCELED = 125,
};

#endif
