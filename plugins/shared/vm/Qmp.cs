using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>
/// A short conversation with QEMU's machine protocol: greeting, capabilities, commands, one line of JSON each. QEMU serves one
/// client at a time and keeps no state between them, so each piece of work connects anew, also after a restart.
/// </summary>
internal sealed class Qmp : IDisposable
{
    private const int MaxLineBytes = 1 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly MemoryStream _pending = new();
    private readonly string _path;

    private Qmp(string path) => _path = path;

    /// <summary>Runs commands in a conversation of their own.</summary>
    public static async Task<T> TalkAsync<T>(string path, Func<Qmp, CancellationToken, Task<T>> talk, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        using var qmp = new Qmp(path);
        try
        {
            await qmp._socket.ConnectAsync(new UnixDomainSocketEndPoint(path), limit.Token).ConfigureAwait(false);
            await qmp.ReadAsync(static m => m.ContainsKey("QMP"), limit.Token).ConfigureAwait(false);
            await qmp.ExecuteAsync("qmp_capabilities", null, limit.Token).ConfigureAwait(false);
            return await talk(qmp, limit.Token).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw RuntimeException.Unavailable($"the hypervisor does not answer at {path}: {e.Message}", e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"the hypervisor at {path} gave no answer within {Limit.TotalSeconds:0} s");
        }
    }

    /// <summary>Runs a command and returns its answer.</summary>
    /// <exception cref="RuntimeException">The hypervisor refused; the message has its reason.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellationToken)
    {
        var message = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            message["arguments"] = arguments;
        }

        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString() + "\n"), cancellationToken).ConfigureAwait(false);
        var answer = await ReadAsync(static m => m.ContainsKey("return") || m.ContainsKey("error"), cancellationToken).ConfigureAwait(false);
        return answer["error"] is { } error
            ? throw RuntimeException.Unavailable($"the hypervisor refused {command}: {(error as JsonObject)?["desc"]?.ToString() ?? error.ToJsonString()}")
            : answer["return"];
    }

    /// <summary>Waits for an event with this value in a member of its data.</summary>
    public Task WaitEventAsync(string name, string member, string value, CancellationToken cancellationToken) => ReadAsync(
        m => m["event"]?.ToString() == name && (m["data"] as JsonObject)?[member]?.ToString() == value, cancellationToken);

    public void Dispose()
    {
        _socket.Dispose();
        _pending.Dispose();
    }

    // Events come at any time between answers.
    private async Task<JsonObject> ReadAsync(Func<JsonObject, bool> wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            var line = await ReadLineAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (JsonNode.Parse(line) is JsonObject message && wanted(message))
                {
                    return message;
                }
            }
            catch (JsonException e)
            {
                throw new RuntimeException(RuntimeErrorCode.Internal, $"the hypervisor at {_path} does not speak JSON: {e.Message}", e);
            }
        }
    }

    private async Task<byte[]> ReadLineAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var held = _pending.GetBuffer().AsMemory(0, (int)_pending.Length);
            var end = held.Span.IndexOf((byte)'\n');
            if (end >= 0)
            {
                var line = held[..end].ToArray();
                var rest = held[(end + 1)..].ToArray();
                _pending.SetLength(0);
                _pending.Write(rest);
                return line;
            }

            if (held.Length > MaxLineBytes)
            {
                throw new RuntimeException(RuntimeErrorCode.Internal, $"the hypervisor at {_path} sent a line of more than {MaxLineBytes} bytes");
            }

            var count = await _socket.ReceiveAsync(_buffer, cancellationToken).ConfigureAwait(false);
            if (count == 0)
            {
                throw RuntimeException.Unavailable($"the hypervisor at {_path} ended the conversation");
            }

            _pending.Write(_buffer.AsSpan(0, count));
        }
    }
}
