using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>The options of a handler, as plugins.json and the manifest give them.</summary>
internal sealed record VmOptions
{
    // QEMU's own limit for the machine types in use is 255; the guest's kernel stops earlier to be of use.
    private const int MaxProcessors = 240;
    private const int MaxMemoryMiB = 1 << 20;

    /// <summary>The hypervisor: a path, or a name that is looked up.</summary>
    public string Hypervisor { get; init; } = "qemu-system-x86_64";

    /// <summary>The file server of shared root file systems: a path; null looks where Debian puts it.</summary>
    public string? FileServer { get; init; }

    /// <summary>The folder of the guest's kernel and initramfs; null looks in the tree and in /usr/lib/berth/guest.</summary>
    public string? Guest { get; init; }

    /// <summary>Who runs the guest's instructions.</summary>
    public AccelerationChoice Acceleration { get; init; }

    /// <summary>Memory of the guest's kernel and agent, beyond that of the containers.</summary>
    public int OverheadMemoryMiB { get; init; } = 128;

    /// <summary>Memory for the containers of a pod without a limit.</summary>
    public int DefaultMemoryMiB { get; init; } = 512;

    /// <summary>Processors of a pod without a limit.</summary>
    public int DefaultProcessors { get; init; } = 1;

    /// <summary>More words of the guest's kernel command line.</summary>
    public string KernelParameters { get; init; } = "";

    /// <summary>Seconds until a guest that does not answer is given up.</summary>
    public int BootSeconds { get; init; } = 60;

    public static VmOptions Parse(HandlerConfig config)
    {
        if (config.Options.ValueKind != JsonValueKind.Object)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options must be a JSON object");
        }

        var known = typeof(VmOptions).GetProperties().Select(static p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).ToList();
        if (config.Options.EnumerateObject().Select(static p => p.Name).Except(known).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': unknown option '{unknown}'; the plugin knows {string.Join(", ", known)}");
        }

        VmOptions options;
        try
        {
            options = config.Options.Deserialize<VmOptions>(VmJson.Settings)!;
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options: {e.Message}");
        }

        return options.Fault() is { } fault ? throw RuntimeException.InvalidArgument($"handler '{config.Name}': option {fault}") : options;
    }

    private string? Fault() => this switch
    {
        { Hypervisor.Length: 0 } => "hypervisor is empty; give QEMU's path or name",
        { FileServer: { } server } when !Path.IsPathRooted(server) => $"fileServer '{server}' is not an absolute path",
        { Guest: { } guest } when !Path.IsPathRooted(guest) => $"guest '{guest}' is not an absolute path",
        { OverheadMemoryMiB: < 64 or > MaxMemoryMiB } => $"overheadMemoryMiB {OverheadMemoryMiB} is not one of 64 to {MaxMemoryMiB}",
        { DefaultMemoryMiB: < 16 or > MaxMemoryMiB } => $"defaultMemoryMiB {DefaultMemoryMiB} is not one of 16 to {MaxMemoryMiB}",
        { DefaultProcessors: < 1 or > MaxProcessors } => $"defaultProcessors {DefaultProcessors} is not one of 1 to {MaxProcessors}",
        { BootSeconds: < 1 or > 600 } => $"bootSeconds {BootSeconds} is not one of 1 to 600",
        _ when KernelParameters.Any(static c => c is < ' ' or > '~') => "kernelParameters holds a character that is not printable ASCII",
        _ => null,
    };
}

/// <summary>Who runs the guest's instructions.</summary>
internal enum AccelerationChoice
{
    /// <summary>KVM where it boots our guest, else TCG.</summary>
    Auto,

    /// <summary>The processor, through /dev/kvm.</summary>
    Kvm,

    /// <summary>QEMU's translator: works everywhere, an order of magnitude slower.</summary>
    Tcg,
}

/// <summary>JSON of the plugin: options and state.</summary>
internal static class VmJson
{
    // By reflection: generated code would not keep the initial values of properties that are left out.
    public static JsonSerializerOptions Settings { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = JsonNumberHandling.Strict,
        PropertyNameCaseInsensitive = false,
        RespectNullableAnnotations = true,
    };
}
