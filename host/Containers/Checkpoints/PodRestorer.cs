using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// RestorePod: a pod as the request describes it, whose containers go on from the checkpoint. Of the checkpoint only the processes and
/// their files are taken; what the pod may do and what is mounted comes from the request. All of it comes true, or nothing stays; a pod that was
/// there before stays in any case.
/// </summary>
public sealed class PodRestorer(
    SandboxRegistry sandboxes, SandboxRunner runner, SandboxRemover remover, ContainerRegistry containers, ContainerCreator creator, ContainerStarter starter, CheckpointSources sources)
{
    /// <summary>Restores the pod; the same request again finds what the first made.</summary>
    public async Task<(string SandboxId, IReadOnlyList<(string Name, string Id)> Containers)> RestoreAsync(
        string path, PodSandboxSpec pod, string runtimeHandler, IReadOnlyList<ContainerSpec> specs, CancellationToken cancellationToken)
    {
        var planned = Plan(path.TrimEnd('/'), specs);
        var isThere = sandboxes.FindByName(pod.UniqueName) is { Phase: SandboxPhase.Ready };
        var sandboxId = await runner.RunAsync(pod, runtimeHandler, cancellationToken);
        var restored = new List<(string, string)>();
        try
        {
            foreach (var spec in planned)
            {
                restored.Add((spec.Name, await RestoreAsync(sandboxId, spec, cancellationToken)));
            }

            return (sandboxId, restored);
        }
        catch (Exception e) when (!isThere && (e is RuntimeException or OperationCanceledException))
        {
            await remover.RemoveAsync(sandboxId, CancellationToken.None);
            throw;
        }
    }

    private async Task<string> RestoreAsync(string sandboxId, ContainerSpec spec, CancellationToken cancellationToken)
    {
        if (containers.FindByName($"{sandboxId}_{spec.Name}_{spec.Attempt}") is { Phase: ContainerPhase.Running } running && running.Spec.RestoreFrom == spec.RestoreFrom)
        {
            return running.Id;
        }

        var id = await creator.CreateAsync(sandboxId, spec, cancellationToken);
        await starter.StartAsync(id, cancellationToken);
        return id;
    }

    private List<ContainerSpec> Plan(string path, IReadOnlyList<ContainerSpec> specs)
    {
        var folder = sources.RequireBelieved("restore of a pod", path + "/" + CheckpointNames.PodOptions);
        var archives = ReadOptions(folder, path).Containers;
        var given = specs.ToDictionary(static s => s.Name, StringComparer.Ordinal);
        if (archives.Keys.Except(given.Keys).Concat(given.Keys.Except(archives.Keys)).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } different)
        {
            throw RuntimeException.InvalidArgument(
                $"restore of a pod: the checkpoint {path} has the containers {string.Join(", ", archives.Keys.Take(50))}, the request (container_configs) {string.Join(", ", given.Keys)}; they differ in {string.Join(", ", different.Take(50))}");
        }

        return [.. specs.Select(s => s with { RestoreFrom = $"{path}/{ArchiveName(archives[s.Name], path)}.tar" })];
    }

    private static PodCheckpointOptions ReadOptions(string folder, string path)
    {
        try
        {
            using var root = SafeFd.OpenDirectory(folder);
            using var file = FilesAt.OpenRegular(root, Encoding.UTF8.GetBytes($"{path}/{CheckpointNames.PodOptions}"[(folder.Length + 1)..]));
            var options = JsonSerializer.Deserialize(CheckpointParts.ReadSmall(file, CheckpointNames.PodOptions), CheckpointJson.Default.PodCheckpointOptions);
            return options is { Version: 1, Containers.Count: > 0 } ? options : throw Wrong(path, $"{CheckpointNames.PodOptions} is of another version, or empty");
        }
        catch (LinuxException e)
        {
            throw e.IsNotFound
                ? RuntimeException.NotFound($"restore of a pod: there is no {path}/{CheckpointNames.PodOptions}: no checkpoint of a pod, or one that was cut off")
                : Wrong(path, e.Message);
        }
        catch (InvalidDataException e)
        {
            throw Wrong(path, $"it {e.Message}");
        }
        catch (JsonException e)
        {
            throw Wrong(path, $"{CheckpointNames.PodOptions} cannot be read: {e.Message}");
        }
    }

    private static string ArchiveName(string name, string path) =>
        name is { Length: > 0 and < 250 } && !name.Contains('/') && !name.Contains('\0') ? name : throw Wrong(path, $"{CheckpointNames.PodOptions} names an archive that no folder can have");

    private static RuntimeException Wrong(string path, string why) => RuntimeException.InvalidArgument($"restore of a pod: the checkpoint {path} is of no use: {why}");
}
