using Berth.Linux;

namespace Berth.Remoting.Client;

/// <summary>
/// A child that the kernel kills when this process ends, however it ends. The kernel looks at the thread that started the child
/// (PR_SET_PDEATHSIG of prctl(2)), so one thread does nothing but start it and stay until it has ended.
/// </summary>
internal sealed class HeldChild : IDisposable
{
    private const int Stack = 256 << 10;

    private readonly TaskCompletionSource<ChildProcess> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _release = new();
    private ChildProcess? _child;

    private HeldChild(Command command) => new Thread(() => Hold(command), Stack) { IsBackground = true, Name = "berth-plugin" }.Start();

    public int Pid => _child!.Pid;

    /// <exception cref="LinuxException">The executable is missing or cannot run.</exception>
    public static async Task<HeldChild> StartAsync(Command command)
    {
        var held = new HeldChild(command);
        try
        {
            held._child = await held._started.Task.ConfigureAwait(false);
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the end and reaps: the exit status, or 128 + the signal's number.</summary>
    public Task<int> WaitAsync() => _child!.WaitAsync(CancellationToken.None);

    public void Signal(int signal) => _child!.Signal(signal);

    public void Dispose()
    {
        _release.Set();
        _child?.Dispose();
    }

    private void Hold(Command command)
    {
        try
        {
            _started.SetResult(ChildProcess.Start(command));
        }
        catch (Exception e)
        {
            _started.SetException(e);
        }

        _release.Wait();
    }
}
