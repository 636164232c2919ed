# The command of a replica on one small machine, as its document shows it: with comments behind the backslashes.
python3 -m verl.trainer.main \
    config=configs/config_uitars_2b_mac.yaml \
    worker.actor.model.model_path=ByteDance-Seed/UI-TARS-2B-SFT \
    worker.actor.clip_ratio_low=0.2 \
    worker.actor.clip_ratio_high=0.3 \
    worker.actor.optim.lr=1e-6 \
    algorithm.disable_kl=True \
    algorithm.kl_coef=0 \
    algorithm.enable_replay=True \  #  Same!
    env.num_envs=2 \
    env.max_steps=16 \
    trainer.total_episodes=1
