using System.Runtime.InteropServices;
using System.Text;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>A program to start by posix_spawn(3).</summary>
/// <param name="Arguments">The first is the program's path.</param>
internal sealed unsafe record Spawn(params string[] Arguments)
{
    /// <summary>Descriptors for 0, 1 and 2; /dev/null where negative.</summary>
    public (int In, int Out, int Error) Standard { get; init; } = (-1, -1, -1);

    /// <summary>Starts it; returns the pid.</summary>
    public int Start()
    {
        var attributes = stackalloc byte[512];
        var actions = stackalloc byte[512];
        var signals = stackalloc byte[128];
        Check(Libc.posix_spawnattr_init(attributes));
        Check(Libc.posix_spawn_file_actions_init(actions));
        try
        {
            Check(Libc.posix_spawnattr_setflags(attributes, Libc.POSIX_SPAWN_SETSIGDEF | Libc.POSIX_SPAWN_SETSIGMASK | Libc.POSIX_SPAWN_SETSID));
            _ = Libc.sigemptyset(signals);
            Check(Libc.posix_spawnattr_setsigmask(attributes, signals));
            _ = Libc.sigfillset(signals);
            Check(Libc.posix_spawnattr_setsigdefault(attributes, signals));
            Map(actions, Standard.In, 0);
            Map(actions, Standard.Out, 1);
            Map(actions, Standard.Error, 2);
            Check(Libc.posix_spawn_file_actions_addclosefrom_np(actions, 3));
            return Start(actions, attributes);
        }
        finally
        {
            _ = Libc.posix_spawn_file_actions_destroy(actions);
            _ = Libc.posix_spawnattr_destroy(attributes);
        }
    }

    private int Start(byte* actions, byte* attributes)
    {
        string[] environment = ["PATH=/bin"];
        var argv = stackalloc byte*[Arguments.Length + 1];
        var envp = stackalloc byte*[environment.Length + 1];
        try
        {
            Fill(argv, Arguments);
            Fill(envp, environment);
            int pid;
            fixed (byte* path = Encoding.UTF8.GetBytes(Arguments[0] + '\0'))
            {
                Check(Libc.posix_spawn(&pid, path, actions, attributes, argv, envp));
            }

            return pid;
        }
        finally
        {
            Free(argv);
            Free(envp);
        }
    }

    // The agent's own 0, 1 and 2 are open since boot, so a source is never one of the targets.
    private void Map(byte* actions, int from, int to) => Check(from < 0
        ? Libc.posix_spawn_file_actions_addopen(actions, to, "/dev/null", Libc.O_RDWR, 0)
        : Libc.posix_spawn_file_actions_adddup2(actions, from, to));

    private static void Fill(byte** target, string[] values)
    {
        target[values.Length] = null;
        for (var i = 0; i < values.Length; i++)
        {
            target[i] = (byte*)Marshal.StringToCoTaskMemUTF8(values[i]);
        }
    }

    private static void Free(byte** values)
    {
        for (; *values != null; values++)
        {
            Marshal.FreeCoTaskMem((nint)(*values));
        }
    }

    private void Check(int error)
    {
        if (error != 0)
        {
            throw new AgentException(GuestErrorCode.Internal, $"{Arguments[0]} cannot be started: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }
}
