/* What the files of posix/ say to each other.
 *
 * A descriptor (a number, posix_fd.c) names a struct file: the open file description, which dup()
 * shares.  A file is a socket of the thread's ring or an epoll set.  Whoever wants to hear of its
 * events hangs a struct file_watch on it. */
#ifndef POSIX_POSIX_INT_H
#define POSIX_POSIX_INT_H

#include <errno.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/err.h"
#include "posix/posix.h"

#define POSIX_SCRATCH (64u * 1024)	/* bytes of a sendfile() step */
#define POSIX_SPIN USEC(20)	/* looks on so long after the last event, then sleeps */
#define POSIX_KERNEL_LOOK USEC(50)	/* how old news of kernel descriptors may become */
#define EVENTS_ALWAYS ((uint32_t)(POLLERR | POLLHUP))
#define EVENTS_ALL ((uint32_t)(POLLIN | POLLOUT | POLLRDHUP | POLLPRI))

enum file_kind { FILE_SOCK, FILE_EPOLL };

struct file_watch {
	struct list node;		/* on file->watches */
	/* `events` have happened.  True: no other exclusive one need hear of it. */
	bool (*wake)(struct file_watch *w, uint32_t events);
	/* The file is being closed; the watch is off its list already. */
	void (*gone)(struct file_watch *w);
	bool exclusive;			/* need not hear when another one did */
};

struct file {
	struct list watches;
	struct posix *owner;
	struct list node;		/* on owner->files */
	uint32_t refs;			/* descriptors, and calls that are under way */
	uint32_t pending;		/* completions to come that name it; a closed one waits */
	uint8_t kind;			/* enum file_kind */
	bool nonblock;
	bool polling;			/* a POLL_ADD is out */
	bool dead;
};

struct zc;

struct sock_file {
	struct file f;
	int fd;				/* on the ring */
	int domain, type;		/* type without flags */
	bool zerocopy;			/* SO_ZEROCOPY */
	bool linger_on;
	int linger_s;
	bool connecting;		/* connect() has not told the outcome yet */
	bool nospace;			/* not writable when last asked: POLLOUT will be news */
	uint32_t zc_next;		/* the number of the next MSG_ZEROCOPY */
	struct list zc_done;		/* notifications for MSG_ERRQUEUE */
	nsec rcvtimeo, sndtimeo;	/* 0: for ever */
};

struct posix {
	struct leat_ring *ring;
	uint16_t id;			/* in the descriptor table, from 1 */
	struct posix_sched *sched;
	struct list files;
	struct list kernel_waits;	/* sleepers with descriptors of the kernel */
	nsec worked;			/* when a round last found something */
	nsec next;			/* when the stack wants to run again */
	nsec kernel_looked;
	bool owns_ring;
	uint8_t scratch[POSIX_SCRATCH];
};

/* errno and -1, or the result. */
static inline int posix_answer(int res)
{
	if (likely(res >= 0))
		return res;
	errno = -res;
	return -1;
}

static inline struct sock_file *sock_of_file(struct file *f)
{
	return container_of(f, struct sock_file, f);
}

/* ---- posix_fd.c: numbers */

/* The file of a descriptor; NULL: the kernel's or nobody's, or, with *err < 0, another thread's. */
struct file *posix_file(int fd, int *err);
/* A number for it (it holds a reference afterwards), at least `min`; or -E_MFILE, -E_NOMEM. */
int posix_fd_new(struct file *f, int min, bool cloexec);
/* The number names nothing any more and may be used again; its file's reference is the caller's. */
struct file *posix_fd_close(int fd);
/* As dup3(2) onto a number: closes what it named. */
int posix_fd_put(struct file *f, int fd, bool cloexec);
/* The number leaves our hands: the kernel is about to use it for something else. */
void posix_fd_yield(int fd);
void posix_fd_take(int fd);	/* the same for one that is free, if it is */
/* Every number of this thread's. */
void posix_fd_close_all(struct posix *p);
bool posix_fd_cloexec(int fd);
void posix_fd_set_cloexec(int fd, bool on);

/* ---- posix_file.c */
void posix_file_init(struct file *f, struct posix *p, enum file_kind kind);
void posix_file_get(struct file *f);
void posix_file_free(struct file *f);
void posix_file_put(struct file *f);
void posix_file_wake(struct file *f, uint32_t events);
/* 0, or -E_NOSPC: the door has no operation left to hear of events by; then it is not watched. */
int posix_file_watch(struct file *f, struct file_watch *w);
/* The bits of poll(2) that are true now. */
uint32_t posix_file_ready(struct file *f);
/* The thread's own socket, or NULL with *err: -E_NOTSOCK, -EXDEV; 0: the kernel's descriptor. */
struct sock_file *posix_sock(int fd, int *err);
void posix_linger(struct sock_file *s);	/* waits as SO_LINGER says */

/* Waits until one of `events` is true or the file is closed. */
int posix_wait(struct file *f, uint32_t events, nsec deadline);
nsec posix_deadline(nsec timeout);
/* Restarts a call that a signal interrupted?  When every handler was installed with SA_RESTART. */
bool posix_restarts(void);

/* ---- posix.c */
/* Takes what has completed; how many. */
unsigned posix_take_completions(struct posix *p);
void posix_file_unpend(struct file *f);
int posix_submit(struct posix *p, const struct leat_sqe *sqe);
int posix_call(struct posix *p, const struct leat_sqe *sqe);

/* ---- posix_sock.c */
/* Calls the door; what would wait (-E_AGAIN) does so for one of `events`, unless it may not; then
 * the stack is run once and asked again. `timeout` 0: as long as it takes. */
int posix_call_wait(struct sock_file *s, const struct leat_sqe *sqe, bool nonblock,
		    uint32_t events, nsec timeout);

/* ---- posix_addr.c */
int posix_addr_in(struct leat_addr *to, const struct sockaddr *from, socklen_t len, int domain);
/* Writes as much as there is room for; *len is the whole length. */
void posix_addr_out(struct sockaddr *to, socklen_t *len, const struct leat_addr *from, int domain);

/* ---- posix_zc.c */
int posix_zc_send(struct sock_file *s, const void *buf, size_t n);
int posix_zc_recv(struct sock_file *s, struct msghdr *msg);
void posix_zc_complete(struct posix *p, struct zc *z, const struct leat_cqe *cqe);
void posix_zc_drop(struct sock_file *s);

/* ---- posix_opt.c */
int posix_int_option(struct sock_file *s, int name);	/* of SOL_SOCKET */

/* ---- posix_recv.c */
bool posix_iov_empty(const struct iovec *iov, int n);

/* ---- posix_send.c */
ssize_t posix_send(struct sock_file *s, const void *buf, size_t n, int flags);

/* ---- posix_epoll.c */
void *posix_epoll_of(struct file *f);
void posix_epoll_release(struct file *f);
uint32_t posix_epoll_ready(struct file *f);

/* user_data of what is submitted: a pointer of 16-byte alignment, and what it names */
enum posix_tag { TAG_NONE, TAG_FILE, TAG_ZC };
#define TAG_MASK ((uint64_t)15)

#endif
