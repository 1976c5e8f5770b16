using System.Text;

namespace Berth.Linux;

/// <summary>Where a user namespace is to be pinned, and its ids.</summary>
public sealed record UserNamespacePin
{
    /// <summary>An existing file on which it is bind-mounted.</summary>
    public required string Path { get; init; }

    /// <summary>The user ids.</summary>
    public required IdRange Uids { get; init; }

    /// <summary>The group ids.</summary>
    public required IdRange Gids { get; init; }
}

/// <summary>Ids of a user namespace and what they are outside of it, see user_namespaces(7).</summary>
/// <param name="Inside">The first id in the namespace.</param>
/// <param name="Outside">The first id in the caller's namespace.</param>
/// <param name="Length">How many.</param>
public readonly record struct IdRange(uint Inside, uint Outside, uint Length)
{
    /// <summary>Whether an id of the namespace has one outside.</summary>
    public bool Contains(uint inside) => inside >= Inside && inside - Inside < Length;

    /// <summary>What an id of the namespace is outside; the id that stands for "none" if it has none.</summary>
    public uint ToOutside(uint inside) => Contains(inside) ? Outside + (inside - Inside) : Overflow;

    // /proc/sys/kernel/overflowuid, which nobody changes.
    private const uint Overflow = 65534;
}

/// <summary>
/// Makes user namespaces, and others that they own. A process with threads, as this one, cannot make one for itself
/// (unshare(2), CLONE_NEWUSER), so a child does: util-linux's unshare(1) with cat(1) in it, which ends when its standard
/// input does, also when this process is killed. Pinned by bind mounts, the namespaces outlive it.
/// </summary>
public static class UserNamespaces
{
    private const int SigKill = 9;

    // The child's work takes milliseconds.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Makes and pins; when it fails, what was pinned stays and is the caller's to unmount.</summary>
    /// <param name="pins">With a user namespace.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">The kernel refused, in its words or those of unshare(1).</exception>
    public static async Task CreateAsync(NamespacePins pins, CancellationToken cancellationToken)
    {
        var user = pins.User ?? throw new ArgumentException("there is no user namespace among the pins", nameof(pins));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        await using (var child = await HolderProcess.StartAsync(Arguments(pins), limit.Token).ConfigureAwait(false))
        {
            Map(child.Pid, "uid_map", user.Uids);
            Map(child.Pid, "gid_map", user.Gids);
            Pin(child.Pid, "user", user.Path);
            Pin(child.Pid, "net", pins.Network);
            Pin(child.Pid, "ipc", pins.Ipc);
            Pin(child.Pid, "uts", pins.Uts);
        }

        // Settings of the IPC namespace are writable only to its own root; all others to the one outside, too.
        var ipc = pins.Sysctls.Where(static s => !s.Key.StartsWith("net/", StringComparison.Ordinal)).ToList();
        Namespaces.SetUp(pins with { Sysctls = [.. pins.Sysctls.Except(ipc)] });
        foreach (var (key, value) in ipc)
        {
            await SetInsideAsync(user.Path, pins.Ipc!, key, value, limit.Token).ConfigureAwait(false);
        }
    }

    private static IReadOnlyList<string> Arguments(NamespacePins pins) =>
    [
        "--user",
        .. pins.Network is null ? (string[])[] : ["--net"],
        .. pins.Ipc is null ? (string[])[] : ["--ipc"],
        .. pins.Uts is null ? (string[])[] : ["--uts"],
        "--", "cat",
    ];

    private static void Map(int pid, string file, IdRange range)
    {
        using var map = SafeFd.OpenWrite($"/proc/{pid}/{file}");
        map.Write(Encoding.ASCII.GetBytes($"{range.Inside} {range.Outside} {range.Length}\n"));
    }

    private static void Pin(int pid, string type, string? target)
    {
        if (target is not null)
        {
            Mounts.Bind($"/proc/{pid}/ns/{type}", target);
        }
    }

    private static async Task SetInsideAsync(string user, string ipc, string key, string value, CancellationToken cancellationToken)
    {
        var command = new Command { Path = "nsenter", Arguments = [$"--user={user}", $"--ipc={ipc}", "--", "tee", $"/proc/sys/{key}"] };
        var result = await CommandRunner.RunAsync(command, Encoding.ASCII.GetBytes(value), 4096, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw new SysctlException(key, value, result.Error);
        }
    }

    /// <summary>A child that has made its namespaces and waits in them.</summary>
    private sealed class HolderProcess(ChildProcess process, SafeFd input) : IAsyncDisposable
    {
        public int Pid => process.Pid;

        public static async Task<HolderProcess> StartAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        {
            var (inputRead, inputWrite) = SafeFd.Pipe();
            var (outputRead, outputWrite) = SafeFd.Pipe();
            using var errors = new PipeCapture(1024, keepTail: true);
            using (inputRead)
            using (outputRead)
            {
                HolderProcess holder;
                using (outputWrite)
                {
                    holder = new(
                        ChildProcess.Start(new()
                        {
                            Path = "unshare",
                            Arguments = arguments,
                            Descriptors = new Dictionary<int, SafeFd> { [0] = inputRead, [1] = outputWrite, [2] = errors.WriteEnd },
                        }),
                        inputWrite);
                }

                errors.WriteEnd.Dispose();
                // A byte that comes back through cat shows that unshare has done its part.
                inputWrite.Write("\n"u8);
                outputRead.SetNonBlocking();
                try
                {
                    if (await outputRead.ReadAsync(new byte[1], cancellationToken).ConfigureAwait(false) == 1)
                    {
                        return holder;
                    }
                }
                catch
                {
                    await holder.DisposeAsync().ConfigureAwait(false);
                    throw;
                }

                await holder.DisposeAsync().ConfigureAwait(false);
                await errors.ReadAsync(null, cancellationToken).ConfigureAwait(false);
                throw new IOException($"a user namespace cannot be made: {Encoding.UTF8.GetString(errors.ToArray()).Trim()}");
            }
        }

        public async ValueTask DisposeAsync()
        {
            input.Dispose();
            process.Signal(SigKill);
            await process.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            process.Dispose();
        }
    }
}
