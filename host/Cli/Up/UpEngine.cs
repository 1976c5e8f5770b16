using System.Globalization;
using System.Net.Sockets;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Cli.Up;

/// <summary>
/// A Docker Engine of the demo's own, in the demo's folders: one that runs on this machine is never touched. It makes no bridge and no
/// rule. One that a killed run left is taken over by its process id, so that the demo's pods in it can be removed.
/// </summary>
internal sealed class UpEngine : IAsyncDisposable
{
    private const int SigKill = 9, SigTerm = 15;
    private static readonly TimeSpan EndTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(50);

    private readonly PidFd _process;
    private readonly ChildProcess? _child;
    private readonly UpFolders _folders;

    private UpEngine(PidFd process, ChildProcess? child, UpFolders folders) => (_process, _child, _folders) = (process, child, folders);

    /// <summary>Starts it, or returns null where the programs are not there.</summary>
    /// <param name="folders">The demo's folders.</param>
    /// <param name="searchPath">Where dockerd and containerd are looked for: folders with colons between.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<UpEngine?> StartAsync(UpFolders folders, string searchPath, CancellationToken cancellationToken)
    {
        if (Find(searchPath, "dockerd") is not { } program || Find(searchPath, "containerd") is null)
        {
            return null;
        }

        var engine = TakeOver(folders) ?? Launch(folders, program, searchPath);
        try
        {
            await engine.AnswersAsync(folders, cancellationToken);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        var ended = _child?.WaitAsync(CancellationToken.None) ?? _process.ExitedAsync(CancellationToken.None);
        _process.Signal(SigTerm);
        try
        {
            await ended.WaitAsync(EndTime);
        }
        catch (TimeoutException)
        {
            _process.Signal(SigKill);
            await ended;
            // Its containerd is a process of its own, which otherwise ends with it.
            using var containerd = Find(Path.Combine(_folders.EngineState, "containerd", "containerd.pid"), _folders);
            containerd?.Signal(SigKill);
        }

        _child?.Dispose();
        _process.Dispose();
    }

    private static UpEngine Launch(UpFolders folders, string program, string searchPath)
    {
        using var log = SafeFd.OpenAppend(folders.EngineLog, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var child = ChildProcess.Start(new()
        {
            Path = program,
            Arguments =
            [
                "--iptables=false", "--bridge=none", "--oom-score-adjust", "0", "--data-root", folders.EngineData, "--exec-root", folders.EngineState,
                "--pidfile", folders.EnginePid, "-H", "unix://" + folders.EngineSocket,
            ],
            Environment = new Dictionary<string, string> { ["PATH"] = $"{searchPath}:{Executable.SearchPath}" },
            Descriptors = new Dictionary<int, SafeFd> { [1] = log, [2] = log },
            // Ctrl-C is for this process, which needs the Engine to clean up.
            NewProcessGroup = true,
        });
        return new(PidFd.TryOpen(child.Pid) ?? throw RuntimeException.Unavailable($"{program} ended at once; see {folders.EngineLog}"), child, folders);
    }

    private static UpEngine? TakeOver(UpFolders folders) => Find(folders.EnginePid, folders) is { } process ? new(process, null, folders) : null;

    // The process of a file with its number.
    private static PidFd? Find(string file, UpFolders folders)
    {
        if (!File.Exists(file) || !int.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out var pid)
            || PidFd.TryOpen(pid) is not { } process)
        {
            return null;
        }

        // The number may be another's by now.
        if (CommandLine(pid).Contains(folders.EngineState, StringComparison.Ordinal))
        {
            return process;
        }

        process.Dispose();
        return null;
    }

    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cmdline"));
        }
        catch (IOException)
        {
            return ""; // it has ended
        }
    }

    private async Task AnswersAsync(UpFolders folders, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartTime);
        while (!await ConnectsAsync(folders.EngineSocket, limit.Token))
        {
            if (_child is not null && !_process.Signal(0))
            {
                throw RuntimeException.Unavailable($"the demo's Docker Engine did not start; {folders.EngineLog} says why");
            }

            await Task.Delay(AskAgain, limit.Token);
        }
    }

    private static async Task<bool> ConnectsAsync(string path, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string? Find(string searchPath, string program) =>
        searchPath.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
