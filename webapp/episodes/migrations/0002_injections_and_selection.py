from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("episodes", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="replayinjection",
            name="advantage_after",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="replayinjection",
            name="advantage_before",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="replayinjection",
            name="age_steps",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="episode",
            name="split",
            field=models.CharField(
                choices=[
                    ("train", "train"),
                    ("selection", "selection"),
                    ("validation_train", "validation train"),
                    ("held_out", "held out"),
                    ("evaluation", "evaluation"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="validation",
            name="split",
            field=models.CharField(
                choices=[
                    ("train", "train"),
                    ("selection", "selection"),
                    ("validation_train", "validation train"),
                    ("held_out", "held out"),
                    ("evaluation", "evaluation"),
                ],
                max_length=20,
            ),
        ),
    ]
