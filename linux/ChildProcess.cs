using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux;

/// <summary>What to run. The environment is complete: nothing is inherited.</summary>
public sealed record Command
{
    /// <summary>The executable's path; a bare name is looked up in <see cref="Executable.SearchPath"/>.</summary>
    public required string Path { get; init; }

    /// <summary>The arguments without argv[0].</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The whole environment; PATH is added if missing.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The working directory; null keeps the gateway's.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Descriptors by their number in the child; 0, 1 and 2 are /dev/null where missing. All others are closed.</summary>
    public IReadOnlyDictionary<int, SafeFd> Descriptors { get; init; } = new Dictionary<int, SafeFd>();

    /// <summary>The network namespace that the child starts in; null is the gateway's.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>Makes the child the leader of a process group of its own, so that the terminal's signals spare it.</summary>
    public bool NewProcessGroup { get; init; }

    /// <summary>Makes the child the leader of a session of its own.</summary>
    public bool NewSession { get; init; }
}

/// <summary>A child started with posix_spawn(3) and held by a pidfd. Whoever starts it must await its end, or it stays a zombie.</summary>
public sealed class ChildProcess : IDisposable
{
    private readonly PidFd _pidFd;

    private ChildProcess(PidFd pidFd) => _pidFd = pidFd;

    /// <summary>The child's process id.</summary>
    public int Pid => _pidFd.Pid;

    /// <summary>Starts it.</summary>
    /// <exception cref="LinuxException">The executable is missing or cannot run.</exception>
    public static ChildProcess Start(Command command)
    {
        var path = Executable.Find(command.Path) ?? throw new LinuxException("posix_spawn", command.Path, Libc.ENOENT);
        // A child inherits the namespaces of the thread that starts it.
        var pid = command.NetworkNamespace is { } network ? Namespaces.InNetwork(network, () => Spawn(path, command)) : Spawn(path, command);
        return new(PidFd.TryOpen(pid) ?? throw new LinuxException("pidfd_open", $"pid {pid}", Libc.ESRCH));
    }

    /// <summary>Waits for the end and reaps: the exit status, or 128 + the signal's number.</summary>
    public async Task<int> WaitAsync(CancellationToken cancellationToken)
    {
        await _pidFd.ExitedAsync(cancellationToken).ConfigureAwait(false);
        return Reap();
    }

    /// <summary>Sends a signal; false if it is gone.</summary>
    public bool Signal(int signal) => _pidFd.Signal(signal);

    /// <summary>Sends a signal to the child's process group (see <see cref="Command.NewProcessGroup"/>).</summary>
    public void SignalGroup(int signal) => _ = Libc.kill(-Pid, signal);

    /// <inheritdoc/>
    public void Dispose() => _pidFd.Dispose();

    private unsafe int Reap()
    {
        // siginfo_t is 128 bytes; si_code is at 8, si_status at 24; see sigaction(2).
        var info = stackalloc int[32];
        while (Libc.waitid(Libc.P_PIDFD, (uint)_pidFd.Handle.Number, info, Libc.WEXITED) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw LinuxException.Last("waitid", $"pid {Pid}");
            }
        }

        return info[2] == Libc.CLD_EXITED ? info[6] : 128 + info[6];
    }

    private static unsafe int Spawn(string path, Command command)
    {
        var attributes = stackalloc byte[512];
        var actions = stackalloc byte[512];
        var signals = stackalloc byte[128];
        Check(Libc.posix_spawnattr_init(attributes), path);
        Check(Libc.posix_spawn_file_actions_init(actions), path);
        var duplicates = new List<SafeFd>();
        try
        {
            var flags = (short)(Libc.POSIX_SPAWN_SETSIGDEF | Libc.POSIX_SPAWN_SETSIGMASK
                | (command.NewProcessGroup ? Libc.POSIX_SPAWN_SETPGROUP : 0)
                | (command.NewSession ? Libc.POSIX_SPAWN_SETSID : 0));
            Check(Libc.posix_spawnattr_setflags(attributes, flags), path);
            // .NET ignores SIGPIPE and blocks nothing; a child starts with neither.
            _ = Libc.sigemptyset(signals);
            Check(Libc.posix_spawnattr_setsigmask(attributes, signals), path);
            _ = Libc.sigfillset(signals);
            Check(Libc.posix_spawnattr_setsigdefault(attributes, signals), path);
            MapDescriptors(actions, command, duplicates);
            if (command.WorkingDirectory is { } directory)
            {
                Check(Libc.posix_spawn_file_actions_addchdir_np(actions, directory), directory);
            }

            using var argv = new NativeStrings([path, .. command.Arguments]);
            using var envp = new NativeStrings(Environment(command));
            var pid = 0;
            fixed (byte* nativePath = Encoding.UTF8.GetBytes(path + '\0'))
            {
                Check(Libc.posix_spawn(&pid, nativePath, actions, attributes, argv.Pointer, envp.Pointer), path);
            }

            return pid;
        }
        finally
        {
            duplicates.ForEach(static d => d.Dispose());
            _ = Libc.posix_spawn_file_actions_destroy(actions);
            _ = Libc.posix_spawnattr_destroy(attributes);
        }
    }

    // dup2 actions run in order, so sources are first moved out of the target range.
    private static unsafe void MapDescriptors(byte* actions, Command command, List<SafeFd> duplicates)
    {
        var highest = 2;
        for (var target = 0; target <= 2; target++)
        {
            if (!command.Descriptors.ContainsKey(target))
            {
                Check(Libc.posix_spawn_file_actions_addopen(actions, target, "/dev/null", Libc.O_RDWR, 0), "/dev/null");
            }
        }

        foreach (var (target, source) in command.Descriptors)
        {
            var duplicate = SafeFd.Duplicate(source.Number);
            duplicates.Add(duplicate);
            Check(Libc.posix_spawn_file_actions_adddup2(actions, duplicate.Number, target), $"fd {target}");
            highest = Math.Max(highest, target);
        }

        Check(Libc.posix_spawn_file_actions_addclosefrom_np(actions, highest + 1), "closefrom");
    }

    private static IEnumerable<string> Environment(Command command)
    {
        var given = command.Environment.Select(static e => $"{e.Key}={e.Value}");
        return command.Environment.ContainsKey("PATH") ? given : given.Append($"PATH={Executable.SearchPath}");
    }

    private static void Check(int error, string subject)
    {
        if (error != 0)
        {
            throw new LinuxException("posix_spawn", subject, error);
        }
    }

    private sealed unsafe class NativeStrings : IDisposable
    {
        private readonly int _count;

        public NativeStrings(IEnumerable<string> values)
        {
            var list = values.ToList();
            _count = list.Count;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < _count; i++)
            {
                if (list[i].Contains('\0'))
                {
                    throw new ArgumentException("an argument or environment value holds a NUL byte");
                }

                Pointer[i] = (byte*)Marshal.StringToCoTaskMemUTF8(list[i]);
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointer[i]);
            }

            NativeMemory.Free(Pointer);
        }
    }
}
