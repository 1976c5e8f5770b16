using Berth.Abstractions;
using Berth.Sandboxes;

namespace Berth.Cri.Mapping;

/// <summary>What the gateway says of itself.</summary>
internal static class StatusMapping
{
    public static Protos.StatusResponse ToProto(GatewayConditions conditions, bool verbose)
    {
        var answer = new Protos.StatusResponse
        {
            Status = new()
            {
                Conditions =
                {
                    Condition("RuntimeReady", conditions.RuntimeReady, conditions.RuntimeReason, conditions.RuntimeMessage),
                    Condition("NetworkReady", conditions.NetworkReady, conditions.NetworkReason, conditions.NetworkMessage),
                },
            },
            RuntimeHandlers = { Handlers(conditions.Handlers) },
            Features = OfAll([.. conditions.Handlers.Where(static handler => handler.Ready)]),
        };
        if (verbose)
        {
            answer.Info.Add(conditions.Info.ToDictionary());
            answer.Info["handlers"] = VerboseInfo.Of(conditions.Handlers);
        }

        return answer;
    }

    public static Protos.CgroupDriver ToProto(CgroupDriver driver) =>
        driver == CgroupDriver.Systemd ? Protos.CgroupDriver.Systemd : Protos.CgroupDriver.Cgroupfs;

    private static Protos.RuntimeCondition Condition(string type, bool status, string reason, string message) =>
        new() { Type = type, Status = status, Reason = reason, Message = message };

    // A handler is offered only while pods can start on it; the others are in the verbose answer, with the reason.
    // The empty name is the default handler, as a kubelet looks it up for pods without a RuntimeClass.
    private static IEnumerable<Protos.RuntimeHandler> Handlers(IReadOnlyList<HandlerStatus> handlers)
    {
        var ready = handlers.Where(static handler => handler.Ready).ToList();
        return ready.Where(static handler => handler.IsDefault).Select(static handler => Handler("", handler.Features))
            .Concat(ready.Select(static handler => Handler(handler.Name, handler.Features)));
    }

    // The API has these for the whole node, so they are what each handler has that a pod may get. Who belongs to which groups is found out
    // by the gateway, and every handler must take them from config.json.
    private static Protos.RuntimeFeatures OfAll(IReadOnlyList<HandlerStatus> ready) => new()
    {
        SupplementalGroupsPolicy = ready.Count > 0,
        MountOptions = ready.Count > 0 && ready.All(static handler => handler.Features.MountOptions),
    };

    private static Protos.RuntimeHandler Handler(string name, HandlerFeatures features) => new()
    {
        Name = name,
        Features = new() { RecursiveReadOnlyMounts = features.RecursiveReadOnlyMounts, UserNamespaces = features.UserNamespaces },
    };
}
