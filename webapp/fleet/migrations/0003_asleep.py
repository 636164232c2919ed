from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0002_desktops"),
    ]

    operations = [
        migrations.AlterField(
            model_name="desktop",
            name="phase",
            field=models.CharField(
                choices=[
                    ("starting", "starting"),
                    ("asleep", "asleep"),
                    ("spare", "spare"),
                    ("resetting", "resetting"),
                    ("thinking", "thinking"),
                    ("acting", "acting"),
                    ("scoring", "scoring"),
                    ("drained", "drained"),
                    ("quarantined", "quarantined"),
                    ("restarting", "restarting"),
                    ("gone", "gone"),
                ],
                max_length=12,
            ),
        ),
    ]
