using System.Runtime.InteropServices;

namespace Berth.Guest.Agent;

/// <summary>libc as it is, in the order of its headers.</summary>
internal static unsafe partial class Libc
{
    // errno.h
    internal const int ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ECHILD = 10, EAGAIN = 11, EBUSY = 16, EEXIST = 17, EINVAL = 22, EINPROGRESS = 115;

    // fcntl.h
    internal const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_NOCTTY = 0x100, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000;
    internal const int F_DUPFD_CLOEXEC = 1030, F_GETFL = 3, F_SETFL = 4;
    internal const int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string path, int flags, int mode = 0);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(int fd, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fallocate(int fd, int mode, long offset, long length);

    // unistd.h
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pread(int fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwrite(int fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int pipe2(int* fds, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chdir(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chown(string path, uint uid, uint gid);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chroot(string path);

    [LibraryImport("libc")]
    internal static partial void sync();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sethostname(string name, nint length);

    [LibraryImport("libc")]
    internal static partial uint umask(uint mask);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial long syscall(long number, long a, long b, long c);

    internal static readonly long SYS_finit_module = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 273 : 313;

    internal const long SYS_pidfd_open = 434;

    // sys/mman.h, sys/eventfd.h
    internal const uint MFD_CLOEXEC = 1;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int eventfd(uint value, int flags);

    // sys/mount.h, sys/reboot.h, sys/statvfs.h, sys/time.h
    internal const ulong MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_BIND = 4096, MS_MOVE = 8192;
    internal const int MNT_DETACH = 2, RB_POWER_OFF = 0x4321fedc;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mount(string source, string target, string? type, ulong flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int reboot(int command);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statvfs(string path, long* buffer);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int clock_settime(int clock, long* time);

    // sys/socket.h, sys/ioctl.h
    internal const int AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;
    internal const int SOL_SOCKET = 1, SO_ERROR = 4, SHUT_WR = 1, MSG_CMSG_CLOEXEC = 0x40000000, SCM_RIGHTS = 1;
    internal const ulong SIOCSIFFLAGS = 0x8914, TIOCSWINSZ = 0x5414;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int bind(int fd, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int listen(int fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int accept4(int fd, byte* address, uint* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int connect(int fd, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int shutdown(int fd, int how);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int getsockopt(int fd, int level, int name, int* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint recvmsg(int fd, nint* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ioctl(int fd, ulong request, byte* argument);

    // sys/epoll.h
    internal const uint EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16, EPOLLET = 1u << 31;
    internal const int EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3, EPOLL_CLOEXEC = 0x80000;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_ctl(int epfd, int operation, int fd, void* @event);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_wait(int epfd, void* events, int count, int timeout);

    // poll.h
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(void* descriptors, ulong count, int timeout);

    // sys/wait.h, signal.h
    internal const int P_ALL = 0, WEXITED = 4, CLD_EXITED = 1, SIGKILL = 9, SIGPIPE = 13;
    internal const nint SIG_IGN = 1;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int waitid(int type, uint id, void* info, int options);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint signal(int number, nint handler);

    // spawn.h (the structures are opaque: 336 and 80 bytes in glibc, 512 are given)
    internal const short POSIX_SPAWN_SETSIGDEF = 0x04, POSIX_SPAWN_SETSIGMASK = 0x08, POSIX_SPAWN_SETSID = 0x80;

    [LibraryImport("libc")]
    internal static partial int posix_spawn(int* pid, byte* path, void* actions, void* attributes, byte** argv, byte** envp);

    [LibraryImport("libc")]
    internal static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport("libc")]
    internal static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport("libc")]
    internal static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport("libc")]
    internal static partial int posix_spawnattr_setsigmask(void* attributes, void* set);

    [LibraryImport("libc")]
    internal static partial int posix_spawnattr_setsigdefault(void* attributes, void* set);

    [LibraryImport("libc")]
    internal static partial int posix_spawn_file_actions_init(void* actions);

    [LibraryImport("libc")]
    internal static partial int posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport("libc")]
    internal static partial int posix_spawn_file_actions_adddup2(void* actions, int from, int to);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int posix_spawn_file_actions_addopen(void* actions, int fd, string path, int flags, uint mode);

    [LibraryImport("libc")]
    internal static partial int posix_spawn_file_actions_addclosefrom_np(void* actions, int from);

    [LibraryImport("libc")]
    internal static partial int sigemptyset(void* set);

    [LibraryImport("libc")]
    internal static partial int sigfillset(void* set);
}
