using System.Reflection;
using System.Runtime.CompilerServices;
using Berth.Configuration;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Berth.Metrics;

/// <summary>Sends the traces on by OTLP. A collector that is away costs traces, and nothing else.</summary>
public static class OtlpExport
{
    /// <summary>Starts; disposing it sends what is left. Null if no endpoint is configured.</summary>
    public static IDisposable? Start(TracingOptions options) => options.Endpoint.Length == 0 ? null : Build(options);

    // A method of its own, and none of their types in its signature: the packages are loaded when it is compiled, and not where
    // nobody traces.
    [MethodImpl(MethodImplOptions.NoInlining)]
#pragma warning disable CA1859 // the concrete type would be loaded with the method's caller
    private static IDisposable Build(TracingOptions options)
#pragma warning restore CA1859
    {
        var endpoint = new Uri(options.Endpoint);
        var version = typeof(OtlpExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        return Sdk.CreateTracerProviderBuilder()
            .AddSource(BerthTraces.SourceName)
            .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddService("berth", serviceVersion: version, serviceInstanceId: Environment.MachineName))
            // Where the client has decided (a kubelet that traces), its decision holds.
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.SamplingPercent / 100.0)))
            .AddOtlpExporter(exporter =>
            {
                exporter.Endpoint = endpoint;
                exporter.Protocol = endpoint.AbsolutePath == "/" ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
            })
            .Build();
    }
}
