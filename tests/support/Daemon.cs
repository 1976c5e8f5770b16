using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A server started for a test: its output in a file, its end awaited.</summary>
public sealed class Daemon : IAsyncDisposable
{
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private static readonly TimeSpan StartTime = Patience.Of(TimeSpan.FromSeconds(30));
    private static readonly TimeSpan StopTime = Patience.Of(TimeSpan.FromSeconds(30));

    private readonly ChildProcess _child;
    private readonly string _logPath;
    private readonly string _name;

    private Daemon(string name, ChildProcess child, string logPath)
    {
        (_name, _child, _logPath) = (name, child, logPath);
        Ended = child.WaitAsync(CancellationToken.None);
    }

    public int Pid => _child.Pid;

    /// <summary>The exit status, or 128 + signal.</summary>
    public Task<int> Ended { get; }

    public string Log => File.Exists(_logPath) ? File.ReadAllText(_logPath) : "";

    /// <summary>Starts it; the log is appended to.</summary>
    public static Daemon Launch(string name, Command command, string logPath)
    {
        using var log = new FileStream(logPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        using var output = SafeFd.Duplicate((int)log.SafeFileHandle.DangerousGetHandle());
        var descriptors = new Dictionary<int, SafeFd> { [1] = output, [2] = output };
        return new(name, ChildProcess.Start(command with { Descriptors = descriptors, NewProcessGroup = true }), logPath);
    }

    /// <summary>Waits until it answers.</summary>
    public async Task<Daemon> ReadyAsync(Func<Task<bool>> isReady)
    {
        using var limit = new CancellationTokenSource(StartTime);
        while (!await AnswersAsync(isReady, limit.Token))
        {
            if (Ended.IsCompleted || limit.IsCancellationRequested)
            {
                var state = Ended.IsCompleted ? $"ended with {await Ended}" : $"does not answer after {StartTime}";
                await DisposeAsync();
                throw new InvalidOperationException($"{_name} {state}:\n{Log}");
            }

            await Task.Delay(Patience.Interval);
        }

        return this;
    }

    // A question that hangs is no answer.
    private static async Task<bool> AnswersAsync(Func<Task<bool>> isReady, CancellationToken limit)
    {
        try
        {
            return await isReady().WaitAsync(limit);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Asks it to end and waits for that: the exit status.</summary>
    public async Task<int> TerminateAsync()
    {
        _child.Signal(SigTerm);
        try
        {
            return await Ended.WaitAsync(StopTime);
        }
        catch (TimeoutException)
        {
            await KillAsync();
            throw new InvalidOperationException($"{_name} does not end on SIGTERM:\n{Log}");
        }
    }

    /// <summary>Ends it without a warning.</summary>
    public async Task KillAsync()
    {
        _child.Signal(SigKill);
        try
        {
            await Ended.WaitAsync(StopTime);
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException($"{_name} does not die of SIGKILL:\n{Log}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!Ended.IsCompleted)
        {
            await TerminateAsync();
        }

        _child.Dispose();
    }
}
