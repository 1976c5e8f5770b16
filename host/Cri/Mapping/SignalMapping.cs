using Google.Protobuf.Reflection;

namespace Berth.Cri.Mapping;

/// <summary>Signals: numbers of the API's own on one side, names of signal(7) on the other.</summary>
internal static class SignalMapping
{
    private const string Prefix = "SIGNAL_";

    private static readonly Dictionary<Protos.Signal, string> Names =
        Protos.RuntimeReflection.Descriptor.FindTypeByName<EnumDescriptor>(nameof(Protos.Signal)).Values
            .Where(static value => value.Number != (int)Protos.Signal.RuntimeDefault)
            .ToDictionary(static value => (Protos.Signal)value.Number, static value => ToName(value.Name));

    private static readonly Dictionary<string, Protos.Signal> Signals =
        Names.ToDictionary(static pair => pair.Value, static pair => pair.Key, StringComparer.Ordinal);

    /// <summary>Such as <c>SIGTERM</c> or <c>SIGRTMIN+3</c>; null if the request leaves it open.</summary>
    public static string? ToDomain(Protos.Signal signal, string field) =>
        signal == Protos.Signal.RuntimeDefault ? null
            : Names.TryGetValue(signal, out var name) ? name
            : throw Field.Unknown(field, (int)signal);

    /// <summary>The API's value of a name.</summary>
    public static Protos.Signal ToProto(string name) => Signals.GetValueOrDefault(name, Protos.Signal.RuntimeDefault);

    // SIGNAL_SIGRTMINPLUS3 is SIGRTMIN+3.
    private static string ToName(string value) =>
        value[Prefix.Length..].Replace("PLUS", "+", StringComparison.Ordinal).Replace("MINUS", "-", StringComparison.Ordinal);
}
