using System.Net;
using System.Text.Json;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace Berth.Cluster;

/// <summary>
/// Brings the cluster's RuntimeClasses and the node's labels to what this node offers. The labels go first: a class is removed
/// only when no node says any more that it has the handler. Whatever changed meanwhile is a conflict, and read anew.
/// </summary>
internal sealed class ClusterApi(IKubernetes api, string node, ILogger log) : IDisposable
{
    private const int MostTries = 5;

    // So that each is said once and not at every round.
    private readonly HashSet<string> _foreign = new(StringComparer.Ordinal);

    public async Task PublishAsync(PublishedHandlers wish, CancellationToken cancellationToken)
    {
        await LabelAsync(wish.Labels, cancellationToken);
        foreach (var item in wish.Classes)
        {
            await RetryAsync(() => PutAsync(item, cancellationToken));
        }

        var ours = await api.NodeV1.ListRuntimeClassAsync(labelSelector: $"{RuntimeClassObject.OwnerLabel}={RuntimeClassObject.Owner}", cancellationToken: cancellationToken);
        foreach (var item in ours.Items.Where(i => wish.Classes.All(c => c.Handler != i.Metadata.Name)))
        {
            await RetryAsync(() => RemoveAsync(item.Metadata.Name, cancellationToken));
        }
    }

    public void Dispose() => api.Dispose();

    private async Task LabelAsync(IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken)
    {
        var present = (await api.CoreV1.ReadNodeAsync(node, cancellationToken: cancellationToken)).Metadata.Labels ?? new Dictionary<string, string>();
        var changes = present.Keys.Where(k => PublishedHandlers.IsOurs(k) && !labels.ContainsKey(k)).ToDictionary(static k => k, static _ => (string?)null);
        foreach (var (key, value) in labels.Where(l => !present.TryGetValue(l.Key, out var now) || now != l.Value))
        {
            changes[key] = value;
        }

        if (changes.Count > 0)
        {
            // RFC 7386: null removes. Only our keys are in it, so nobody else's change is in the way.
            var patch = JsonSerializer.Serialize(new { metadata = new { labels = changes } });
            await api.CoreV1.PatchNodeAsync(new V1Patch(patch, V1Patch.PatchType.MergePatch), node, cancellationToken: cancellationToken);
            ClusterLog.Labelled(log, node, changes.Count);
        }
    }

    private async Task PutAsync(PublishedClass wish, CancellationToken cancellationToken)
    {
        if (await FindAsync(wish.Handler, cancellationToken) is not { } present)
        {
            await api.NodeV1.CreateRuntimeClassAsync(RuntimeClassObject.Create(wish), cancellationToken: cancellationToken);
            ClusterLog.Published(log, wish.Handler);
            return;
        }

        if (!RuntimeClassObject.IsOurs(present))
        {
            if (_foreign.Add(wish.Handler))
            {
                ClusterLog.Foreign(log, wish.Handler, RuntimeClassObject.OwnerLabel);
            }

            return;
        }

        var before = KubernetesJson.Serialize(present);
        if (!RuntimeClassObject.IsNewer(present, wish) && KubernetesJson.Serialize(RuntimeClassObject.Fill(present, wish)) != before)
        {
            // It carries the version that was read: who wrote meanwhile makes it a conflict.
            await api.NodeV1.ReplaceRuntimeClassAsync(present, wish.Handler, cancellationToken: cancellationToken);
            ClusterLog.Updated(log, wish.Handler);
        }
    }

    private async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        var present = await FindAsync(name, cancellationToken);
        if (present is null || !RuntimeClassObject.IsOurs(present))
        {
            return;
        }

        var others = await api.CoreV1.ListNodeAsync(labelSelector: PublishedHandlers.HandlerLabel + name, limit: 1, cancellationToken: cancellationToken);
        if (others.Items.Count == 0)
        {
            var exactly = new V1DeleteOptions { Preconditions = new() { Uid = present.Metadata.Uid, ResourceVersion = present.Metadata.ResourceVersion } };
            await api.NodeV1.DeleteRuntimeClassAsync(name, exactly, cancellationToken: cancellationToken);
            ClusterLog.Removed(log, name);
        }
    }

    private async Task<V1RuntimeClass?> FindAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await api.NodeV1.ReadRuntimeClassAsync(name, cancellationToken: cancellationToken);
        }
        catch (HttpOperationException e) when (e.Response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    // Conflict is also the answer to a create that another node did first, and NotFound to a replace of what went meanwhile.
    private static async Task RetryAsync(Func<Task> change)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await change();
                return;
            }
            catch (HttpOperationException e) when (e.Response.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound && tries < MostTries)
            {
                continue;
            }
        }
    }
}
