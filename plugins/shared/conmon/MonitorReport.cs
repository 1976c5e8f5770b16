using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>What the monitor reports of <c>runtime create</c>.</summary>
/// <param name="Pid">The init's process id; not positive: the runtime refused.</param>
/// <param name="Message">The runtime's standard error then.</param>
internal sealed record MonitorReport(int Pid, string Message)
{
    // The runtime's message is at most 8 KiB, escaped as JSON.
    private const int MaxBytes = 64 * 1024;

    /// <summary>Reads its line from the sync pipe; empty if the monitor ended without one.</summary>
    public static async Task<byte[]> ReadLineAsync(SafeFd sync, CancellationToken cancellationToken)
    {
        using var line = new MemoryStream();
        var buffer = new byte[4096];
        while (line.Length < MaxBytes)
        {
            switch (sync.Read(buffer))
            {
                case null:
                    await Poller.Shared.ReadableAsync(sync, cancellationToken).ConfigureAwait(false);
                    break;
                case 0:
                    return line.ToArray();
                case { } count:
                    line.Write(buffer.AsSpan(0, count));
                    if (buffer[count - 1] == '\n')
                    {
                        return line.ToArray();
                    }

                    break;
            }
        }

        throw new RuntimeException(RuntimeErrorCode.Internal, $"the monitor's report exceeds {MaxBytes} bytes");
    }

    public static MonitorReport Parse(byte[] line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var message = json.RootElement.TryGetProperty("message", out var text) ? text.GetString() : null;
            return new(json.RootElement.GetProperty("pid").GetInt32(), message?.Trim() ?? "it gave no reason");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the monitor's report is not understood: {Encoding.UTF8.GetString(line)}");
        }
    }
}
