using System.Text.Json;
using Berth.Abstractions;
using Berth.Admin.Protos;
using Berth.Containers;
using Berth.Images;
using Berth.Images.Registries;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Sandboxes;
using Grpc.Core;

namespace Berth.Admin;

/// <summary>Imports an OCI layout or a `docker save` archive of this machine; answers with the images' ids and names.</summary>
public delegate Task<IReadOnlyList<(string Id, IReadOnlyList<string> Names)>> ImageImport(string path, string? name, CancellationToken cancellationToken);

/// <summary>Pulls an image.</summary>
public delegate RunningPull ImagePull(string reference, RegistryCredentials? credentials, CancellationToken cancellationToken);

/// <summary>What the command line asks a live gateway. It reads from memory; only an import and a pull change anything.</summary>
public sealed class AdminService(
    HandlerTable handlers, SandboxRegistry sandboxes, ContainerRegistry containers, Doctor doctor, ImageImport import, ImagePull pull, IReloader reloader,
    PluginProcessReader processes, IQuarantineRelease quarantine)
    : Protos.Admin.AdminBase
{
    private const int LongestManifest = 1 << 20;
    private static readonly TimeSpan ProgressPeriod = TimeSpan.FromMilliseconds(200);

    public override Task<ListPodsResponse> ListPods(ListPodsRequest request, ServerCallContext context)
    {
        var bySandbox = containers.List().ToLookup(static c => c.SandboxId);
        return Task.FromResult(new ListPodsResponse
        {
            Pods = { sandboxes.List().OrderBy(static s => s.CreatedAt).Select(s => AdminMapping.ToRow(s, bySandbox[s.Id])) },
        });
    }

    public override Task<ListHandlersResponse> ListHandlers(ListHandlersRequest request, ServerCallContext context)
    {
        var snapshot = handlers.Current;
        return Task.FromResult(new ListHandlersResponse
        {
            Handlers =
            {
                snapshot.Handlers.Values.OrderBy(static h => h.Name, StringComparer.Ordinal)
                    .Select(h => AdminMapping.ToRow(h, isDefault: h.Name == snapshot.Options.Selection.Default)),
            },
            Plugins = { snapshot.PluginsNow().Select(AdminMapping.ToRow) },
        });
    }

    public override Task<ListPluginsResponse> ListPlugins(ListPluginsRequest request, ServerCallContext context) => Task.FromResult(Plugins());

    public override async Task<ListPluginsResponse> Reload(ReloadRequest request, ServerCallContext context)
    {
        await reloader.ReloadAsync("berth reload", retry: true, context.CancellationToken);
        return Plugins();
    }

    public override async Task<ListPluginsResponse> ReleasePlugin(ReleasePluginRequest request, ServerCallContext context)
    {
        await quarantine.ReleaseAsync(request.Plugin, context.CancellationToken);
        return Plugins();
    }

    public override Task<ExplainResponse> Explain(ExplainRequest request, ServerCallContext context)
    {
        var manifest = Parse(request.PodJson);
        var snapshot = handlers.Current;
        return Task.FromResult(Explanation.Of(manifest, request.RuntimeHandler, snapshot.Options.Selection, snapshot.Readiness()));
    }

    public override async Task<DoctorResponse> Doctor(DoctorRequest request, ServerCallContext context) =>
        new() { Findings = { (await doctor.ExamineAsync(context.CancellationToken)).Select(AdminMapping.ToFinding) } };

    public override async Task<ImportImageResponse> ImportImage(ImportImageRequest request, ServerCallContext context)
    {
        if (!Path.IsPathFullyQualified(request.Path))
        {
            throw RuntimeException.InvalidArgument($"the path '{request.Path}' is not absolute; the gateway has a working directory of its own");
        }

        var images = await import(request.Path, request.Name.Length == 0 ? null : request.Name, context.CancellationToken);
        return new() { Images = { images.Select(static i => new ImportedImage { Id = i.Id, Names = { i.Names } }) } };
    }

    public override async Task PullImage(PullImageRequest request, IServerStreamWriter<PullImageProgress> responseStream, ServerCallContext context)
    {
        var credentials = request.Username.Length == 0 ? null : new RegistryCredentials { Username = request.Username, Password = request.Password };
        var running = pull(request.Image, credentials, context.CancellationToken);
        while (await Task.WhenAny(running.Image, Task.Delay(ProgressPeriod, context.CancellationToken)) != running.Image)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            await responseStream.WriteAsync(AdminMapping.ToProgress(running.Progress), context.CancellationToken);
        }

        var image = await running.Image;
        var last = AdminMapping.ToProgress(running.Progress);
        last.Image = new() { Id = image.Id, Names = { image.RepoTags.Concat(image.RepoDigests) } };
        await responseStream.WriteAsync(last, context.CancellationToken);
    }

    private ListPluginsResponse Plugins() => AdminMapping.ToResponse(handlers.Current, handlers.LastReload, [.. sandboxes.All()], processes());

    private static JsonElement Parse(string json)
    {
        if (json.Length > LongestManifest)
        {
            throw RuntimeException.InvalidArgument($"the manifest has {json.Length} characters, more than {LongestManifest}");
        }

        try
        {
            return JsonSerializer.Deserialize<JsonElement>(json);
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"the manifest is not JSON: {e.Message}", e);
        }
    }
}
