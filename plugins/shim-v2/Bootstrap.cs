using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins.ShimV2.Protocol;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2;

/// <summary>Where a shim answers, and in which version of the protocol.</summary>
/// <param name="Version">2 or 3; the messages are the same, the service's name is not.</param>
/// <param name="Address">A Unix socket.</param>
internal sealed record Bootstrap(int Version, string Address)
{
    private const int MaxAddressBytes = 4096;

    /// <summary>The Task service's name.</summary>
    public string Service => $"containerd.task.v{Version}.Task";

    /// <summary>
    /// Reads what <c>start</c> printed, in any of the forms that shims have: a protobuf message, JSON, or the bare address.
    /// </summary>
    /// <exception cref="RuntimeException">It is none of them, or a protocol that this plugin does not speak.</exception>
    public static Bootstrap Parse(ReadOnlySpan<byte> output)
    {
        var (version, address, protocol) = FromProtobuf(output) ?? FromJson(output) ?? (2, Encoding.UTF8.GetString(output).Trim(), "ttrpc");
        if (version is < 2 or > 3)
        {
            throw Refused($"it speaks version {version} of the protocol; this plugin speaks 2 and 3");
        }

        if (protocol is not ("" or "ttrpc"))
        {
            throw Refused($"it serves by '{protocol}'; this plugin speaks ttrpc");
        }

        var path = Ttrpc.TtrpcClient.PathOf(address);
        return path.StartsWith('/') && path.Length <= MaxAddressBytes && !path.Any(char.IsControl)
            ? new(version, address)
            : throw Refused($"its start gave no address of a Unix socket: '{(address.Length > 200 ? address[..200] : address)}'");
    }

    /// <summary>What a shim has written into its bundle before it began to serve; null if it did not come so far.</summary>
    public static Bootstrap? Find(string bundle)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(bundle, "address"));
            Span<byte> content = stackalloc byte[MaxAddressBytes + 1];
            return Parse(content[..file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or RuntimeException)
        {
            return null;
        }
    }

    private static (int Version, string Address, string Protocol)? FromProtobuf(ReadOnlySpan<byte> output)
    {
        try
        {
            var result = BootstrapResult.Parser.ParseFrom(output);
            return result.Version > 0 && result.Address.Length > 0 ? (result.Version, result.Address, result.Protocol) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static (int Version, string Address, string Protocol)? FromJson(ReadOnlySpan<byte> output)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonElement>(output);
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty("address", out var address)
                ? (json.TryGetProperty("version", out var version) ? version.GetInt32() : 2,
                    address.GetString() ?? "",
                    json.TryGetProperty("protocol", out var protocol) ? protocol.GetString() ?? "" : "")
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static RuntimeException Refused(string why) => RuntimeException.Unavailable($"the shim cannot be used: {why}");
}
