using Berth.Abstractions;
using Berth.Linux;
using Docker.DotNet;

namespace Berth.Plugins.Docker;

/// <summary>What the end of a client's input does.</summary>
internal enum InputEnd
{
    /// <summary>It ends the process's input.</summary>
    Closes,

    /// <summary>It is the end-of-file character, typed once.</summary>
    IsTyped,

    /// <summary>The client types no more.</summary>
    ChangesNothing,
}

/// <summary>The caller's descriptors at one end, the Engine's stream of an exec or a container at the other. It holds what one read gives, no more.</summary>
internal sealed class ClientStreams : IDisposable
{
    // PIPE_BUF: what a pipe that is ready takes at once, see pipe(7).
    private const int PipeBuffer = 4096;
    private const int MaxErrorBytes = 4096;
    private const byte EndOfFile = 4;

    private readonly SafeFd? _stdin;
    private readonly SafeFd? _stdout;
    private readonly SafeFd? _stderr;
    private readonly InputEnd _inputEnd;
    private readonly TimeProvider _clock;

    // A timestamp; 0 while nobody waits for the reader.
    private long _waitsSince;
    private readonly CancellationTokenSource _ended = new();

    /// <exception cref="RuntimeException">One of them cannot be opened.</exception>
    public ClientStreams(string what, StdioEndpoint stdin, StdioEndpoint stdout, StdioEndpoint stderr, InputEnd inputEnd, TimeProvider clock)
    {
        (_inputEnd, _clock) = (inputEnd, clock);
        try
        {
            _stdin = Endpoints.Open(stdin, forWriting: false);
            _stdout = Endpoints.Open(stdout, forWriting: true);
            _stderr = Endpoints.Open(stderr, forWriting: true);
        }
        catch (LinuxException e)
        {
            Dispose();
            throw RuntimeException.Unavailable($"{what}: {e.Message}", e);
        }
    }

    /// <summary>Whether there has been output for that long that the reader does not take.</summary>
    public bool WaitsSince(TimeSpan time) => Volatile.Read(ref _waitsSince) is > 0 and var since && _clock.GetElapsedTime(since) >= time;

    public bool HasStdin => _stdin is not null;

    public bool HasStdout => _stdout is not null;

    public bool HasStderr => _stderr is not null;

    /// <summary>Copies both ways until the Engine's output ends.</summary>
    /// <param name="stream">The Engine's.</param>
    /// <param name="untilNobodyReads">Also until the client takes no more; else the rest goes nowhere.</param>
    /// <param name="cancellationToken">Gives up on a client that does not read.</param>
    public async Task CopyAsync(MultiplexedStream stream, bool untilNobodyReads, CancellationToken cancellationToken)
    {
        var input = _stdin is null ? Task.CompletedTask : Task.Run(() => CopyInputAsync(stream), CancellationToken.None);
        var buffer = new byte[32 * 1024];
        var (stdout, stderr) = (_stdout, _stderr);
        try
        {
            while (await stream.ReadOutputAsync(buffer, 0, buffer.Length, cancellationToken).ConfigureAwait(false) is { EOF: false } read)
            {
                if (read.Target == MultiplexedStream.TargetStream.StandardError)
                {
                    stderr = await WriteAsync(stderr, buffer.AsMemory(0, read.Count), cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    stdout = await WriteAsync(stdout, buffer.AsMemory(0, read.Count), cancellationToken).ConfigureAwait(false);
                }

                if (untilNobodyReads && (stdout, stderr) is (null, null))
                {
                    break;
                }
            }
        }
        finally
        {
            await _ended.CancelAsync().ConfigureAwait(false);
            await input.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The Engine's words where a command could not be run: it sends them in place of the command's output.</summary>
    public static async Task<string> ReadErrorAsync(MultiplexedStream stream)
    {
        var buffer = new byte[MaxErrorBytes];
        var length = 0;
        while (length < buffer.Length
            && await stream.ReadOutputAsync(buffer, length, buffer.Length - length, CancellationToken.None).ConfigureAwait(false) is { EOF: false } read)
        {
            length += read.Count;
        }

        return System.Text.Encoding.UTF8.GetString(buffer, 0, length).Trim();
    }

    public void Dispose()
    {
        _ended.Cancel();
        _stdin?.Dispose();
        _stdout?.Dispose();
        _stderr?.Dispose();
    }

    private async Task CopyInputAsync(MultiplexedStream stream)
    {
        var buffer = new byte[32 * 1024];
        while (true)
        {
            await ReadyAsync(Poller.Shared.ReadableAsync(_stdin!, _ended.Token)).ConfigureAwait(false);
            switch (_stdin!.Read(buffer))
            {
                case null:
                    break;
                case 0 when _inputEnd == InputEnd.IsTyped:
                    await stream.WriteAsync([EndOfFile], 0, 1, _ended.Token).ConfigureAwait(false);
                    return;
                case 0 when _inputEnd == InputEnd.ChangesNothing:
                    return;
                case 0:
                    stream.CloseWrite();
                    return;
                case { } count:
                    await stream.WriteAsync(buffer, 0, count, _ended.Token).ConfigureAwait(false);
                    break;
            }
        }
    }

    // A reader that has gone takes nothing more; the command's output then goes nowhere, as to a closed terminal.
    private async Task<SafeFd?> WriteAsync(SafeFd? target, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            while (target is not null && !bytes.IsEmpty)
            {
                Volatile.Write(ref _waitsSince, _clock.GetTimestamp());
                await ReadyAsync(Poller.Shared.WritableAsync(target, cancellationToken)).ConfigureAwait(false);
                Volatile.Write(ref _waitsSince, 0);
                var count = Math.Min(bytes.Length, PipeBuffer);
                target.Write(bytes.Span[..count]);
                bytes = bytes[count..];
            }

            return target;
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    // EPERM: a regular file or /dev/null, which never makes one wait; see epoll_ctl(2).
    private static async Task ReadyAsync(Task ready)
    {
        try
        {
            await ready.ConfigureAwait(false);
        }
        catch (LinuxException e) when (e.IsPermission)
        {
            // Go ahead.
        }
    }
}
