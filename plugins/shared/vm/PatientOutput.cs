using System.Globalization;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>
/// Output on its way into a log whose disk may be full: what cannot be written is tried again until there is room, and what
/// comes behind it waits, so nothing is lost and nothing is out of order. All of it is one connection's.
/// </summary>
internal sealed class PatientOutput(IPluginLog log, TimeProvider clock) : IDisposable
{
    // Both streams; the agent sends no more ahead of what is acknowledged.
    private const int MaxBytes = 2 * ProtocolFacts.OutputWindow;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _over = new();
    private Task _waiting = Task.CompletedTask;
    private int _bytes;

    /// <summary>Passes a piece on, after all before it.</summary>
    /// <param name="length">Its bytes.</param>
    /// <param name="pass">Passes it on; an <see cref="IOException"/> that it throws at once means: not now.</param>
    /// <param name="process">Whose it is.</param>
    /// <returns>True once it is safe; false if this is over before.</returns>
    public async Task<bool> PassAsync(int length, Func<Task> pass, uint process)
    {
        Task<Task?> passing;
        lock (_lock)
        {
            if (_over.IsCancellationRequested || _bytes + length > MaxBytes)
            {
                return false;
            }

            _bytes += length;
            _waiting = passing = AfterAsync(_waiting, pass, process);
        }

        var taken = await passing.ConfigureAwait(false);
        await (taken ?? Task.CompletedTask).ConfigureAwait(false);
        Interlocked.Add(ref _bytes, -length);
        return taken is not null;
    }

    public void Dispose() => _over.Cancel();

    private async Task<Task?> AfterAsync(Task before, Func<Task> pass, uint process)
    {
        await before.ConfigureAwait(false);
        for (var tries = 0; !_over.IsCancellationRequested; tries++)
        {
            try
            {
                return pass();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (tries == 0)
                {
                    log.Write(PluginLogLevel.Error, string.Create(CultureInfo.InvariantCulture, $"output of process {process} in the guest cannot be written, and waits: {e.Message}"));
                }
            }
            catch (ObjectDisposedException)
            {
                break; // its log was closed meanwhile: nobody wants it any more
            }

            await Task.Delay(Pause, clock, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return null;
    }
}
