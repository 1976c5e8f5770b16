using Berth.Containers;
using Berth.Sandboxes;

namespace Berth.Admin.Checks;

/// <summary>What the gateway still has to remove and could not so far.</summary>
public sealed class OwedCheck(SandboxRegistry sandboxes, ContainerRegistry containers) : IDoctorCheck
{
    private const string Remedy = "the gateway goes on trying; look at what the message names, and end what keeps it busy";

    public string Subject => "owed removals";

    public IEnumerable<DoctorFinding> Examine()
    {
        DoctorFinding[] owed =
        [
            .. sandboxes.All().Where(static s => s.Owed is not null)
                .Select(static s => DoctorFinding.Error($"pod {s.Spec.Namespace}/{s.Spec.Name}", $"sandbox {s.Id} is owed: {s.Owed}", Remedy)),
            .. containers.All().Where(static c => c.Owed is not null)
                .Select(static c => DoctorFinding.Error($"container {c.Spec.Name}", $"container {c.Id} is owed: {c.Owed}", Remedy)),
        ];
        return owed.Length > 0 ? owed : [DoctorFinding.Ok(Subject, "none")];
    }
}
