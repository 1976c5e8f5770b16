using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins.ShimV2.Protocol;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// The runtime's own options, as the shim takes them: runc's as <c>containerd.runc.v1.Options</c>, by the names of that message's
/// fields, and those of all others as <c>runtimeoptions.v1.Options</c>, which names a configuration file or holds one.
/// </summary>
internal static class RuntimeOptions
{
    private const string RuncType = "containerd.runc.v1.Options";
    private const string GenericType = "runtimeoptions.v1.Options";

    public static bool IsRunc(ShimOptions options) => options.RuntimeType.StartsWith("io.containerd.runc.", StringComparison.Ordinal);

    /// <summary>Makes the message; null if the shim is to use its own defaults.</summary>
    /// <exception cref="RuntimeException">An option is unknown or of the wrong kind.</exception>
    public static Any? ToAny(ShimOptions options, HandlerConfig config) => IsRunc(options)
        ? Pack(RuncType, WithDefaults(Parse<RuncOptions>(options, config.Name), config))
        : options.Options.ValueKind == JsonValueKind.Undefined ? null : Pack(GenericType, Parse<GenericOptions>(options, config.Name));

    /// <summary>The OCI runtime that runc's shim calls; null for other shims.</summary>
    public static string? RuncBinary(Any? options) =>
        options?.TypeUrl == RuncType ? RuncOptions.Parser.ParseFrom(options.Value).BinaryName is { Length: > 0 } name ? name : "runc" : null;

    private static RuncOptions WithDefaults(RuncOptions runc, HandlerConfig config)
    {
        if (runc.Root.Length == 0)
        {
            runc.Root = Path.Combine(config.StateDirectory, "r");
        }

        runc.SystemdCgroup |= config.CgroupDriver == CgroupDriver.Systemd;
        return runc;
    }

    private static T Parse<T>(ShimOptions options, string handler)
        where T : IMessage<T>, new()
    {
        try
        {
            return options.Options.ValueKind == JsonValueKind.Undefined ? new() : JsonParser.Default.Parse<T>(options.Options.GetRawText());
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException or FormatException)
        {
            throw RuntimeException.InvalidArgument($"handler '{handler}': option options: {e.Message}; {options.RuntimeType} takes the fields of "
                + $"{typeof(T).Name}: {string.Join(", ", new T().Descriptor.Fields.InDeclarationOrder().Select(static f => f.JsonName))}");
        }
    }

    private static Any Pack(string type, IMessage message) => new() { TypeUrl = type, Value = message.ToByteString() };
}
