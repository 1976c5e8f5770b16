using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// One QEMU process, in the pod's network namespace and its overhead cgroup. It is nobody's but the pod's: it outlives the
/// gateway, and is found again by its id and start time.
/// </summary>
internal sealed class Hypervisor(VmFiles files, ProcessIdentity identity)
{
    private static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(2);

    public bool IsAlive => identity.IsAlive;

    /// <summary>Starts it held; its sockets take connections already.</summary>
    public static HeldProcess Start(string executable, QemuPlan plan, VmFiles files, string? networkNamespace)
    {
        try
        {
            using var qmp = UnixSocket.Listen(files.Qmp);
            using var agent = UnixSocket.Listen(files.Agent);
            using var log = SafeFdLog.Create(files.HypervisorLog);
            return HeldProcess.Start(new()
            {
                Path = executable,
                Arguments = QemuArguments.Of(plan),
                NetworkNamespace = networkNamespace,
                Descriptors = new Dictionary<int, SafeFd>
                {
                    [1] = log,
                    [2] = log,
                    [QemuArguments.QmpDescriptor] = qmp,
                    [QemuArguments.AgentDescriptor] = agent,
                },
            });
        }
        catch (IOException e)
        {
            throw RuntimeException.Unavailable($"the hypervisor cannot be started in {files.Folder}: {e.Message}", e);
        }
    }

    /// <summary>Completes when it has ended.</summary>
    public async Task EndedAsync(CancellationToken cancellationToken)
    {
        using var process = identity.TryHold();
        if (process is not null)
        {
            await process.ExitedAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What the guest's console said last, and what the hypervisor printed.</summary>
    public async Task<string> LastWordsAsync()
    {
        var console = "";
        try
        {
            console = await Qmp.TalkAsync(
                files.Qmp,
                static async (qmp, token) => (await qmp.ExecuteAsync("ringbuf-read", new() { ["device"] = "console", ["size"] = 65536 }, token).ConfigureAwait(false))?.ToString() ?? "",
                new CancellationTokenSource(QuitLimit).Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            console = $"(its console cannot be read: {e.Message})";
        }

        var lines = console.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(5);
        return $"{SafeFdLog.Tail(files.HypervisorLog)} guest: {Printable(string.Join("; ", lines))}".Trim();
    }

    // The guest is not trusted, and this goes into logs and terminals.
    private static string Printable(string text) => string.Concat(text.Select(static c => char.IsControl(c) ? '?' : c));
}
