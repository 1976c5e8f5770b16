using Berth.Abstractions;
using Berth.Linux;
using Docker.DotNet;

namespace Berth.Plugins.Docker;

/// <summary>The caller's descriptors at one end, the Engine's stream of an exec at the other. It holds what one read gives, no more.</summary>
internal sealed class ExecStreams : IDisposable
{
    // PIPE_BUF: what a pipe that is ready takes at once, see pipe(7).
    private const int PipeBuffer = 4096;
    private const int MaxErrorBytes = 4096;
    private const byte EndOfFile = 4;

    private readonly SafeFd? _stdin;
    private readonly SafeFd? _stdout;
    private readonly SafeFd? _stderr;
    private readonly bool _terminal;
    private readonly CancellationTokenSource _ended = new();

    public ExecStreams(ExecRequest request)
    {
        _terminal = request.Terminal;
        try
        {
            _stdin = Open(request.Stdin, forWriting: false);
            _stdout = Open(request.Stdout, forWriting: true);
            _stderr = Open(request.Stderr, forWriting: true);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public bool HasStdin => _stdin is not null;

    public bool HasStdout => _stdout is not null;

    public bool HasStderr => _stderr is not null;

    /// <summary>Copies both ways until the Engine's output ends.</summary>
    public async Task CopyAsync(MultiplexedStream stream)
    {
        var input = _stdin is null ? Task.CompletedTask : Task.Run(() => CopyInputAsync(stream));
        var buffer = new byte[32 * 1024];
        var (stdout, stderr) = (_stdout, _stderr);
        while (await stream.ReadOutputAsync(buffer, 0, buffer.Length, CancellationToken.None).ConfigureAwait(false) is { EOF: false } read)
        {
            if (read.Target == MultiplexedStream.TargetStream.StandardError)
            {
                stderr = await WriteAsync(stderr, buffer.AsMemory(0, read.Count)).ConfigureAwait(false);
            }
            else
            {
                stdout = await WriteAsync(stdout, buffer.AsMemory(0, read.Count)).ConfigureAwait(false);
            }
        }

        await _ended.CancelAsync().ConfigureAwait(false);
        await input.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    private static SafeFd? Open(StdioEndpoint endpoint, bool forWriting) =>
        endpoint.Descriptor is { } number ? SafeFd.Duplicate(number)
        : endpoint.FifoPath is { } path ? SafeFd.OpenFifo(path, forWriting)
        : null;

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
                case 0 when _terminal:
                    await stream.WriteAsync([EndOfFile], 0, 1, _ended.Token).ConfigureAwait(false);
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
    private static async Task<SafeFd?> WriteAsync(SafeFd? target, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (target is not null && !bytes.IsEmpty)
            {
                await ReadyAsync(Poller.Shared.WritableAsync(target, CancellationToken.None)).ConfigureAwait(false);
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
